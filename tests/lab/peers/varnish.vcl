vcl 4.1;
backend default {
  .host = "@HOST@";
  .port = "@PORT@";
}
