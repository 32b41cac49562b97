#include "app/config_page.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace weir::app {

TEST_CASE("the page of the conf has each value, where it was set, and no secret") {
  const auto loaded = parse_config(
      "listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n[server]\nworkers = 7\nadmin_token = "
      "\"geheim\"\n",
      "t.conf");
  REQUIRE(loaded.has_value());
  const std::string text = config_page(*loaded);
  CHECK(text.find("geheim") == text.npos);
  const auto page = nlohmann::json::parse(text);
  CHECK(page.at("file") == "t.conf");
  const auto value = [&](std::string_view table, std::string_view name) {
    for (const auto& t : page.at("tables")) {
      if (t.at("table") != table) continue;
      for (const auto& v : t.at("values")) {
        if (v.at("name") == name) return v;
      }
    }
    return nlohmann::json();
  };
  CHECK(value("[server]", "workers") ==
        nlohmann::json{{"name", "workers"}, {"value", "7"}, {"set_at", "t.conf:4"}});
  CHECK(value("[server]", "admin_token").at("value").is_null());
  CHECK(value("[[listen]]", "address").at("value") == "\"127.0.0.1:80\"");
  CHECK(value("[[site]]", "hosts").at("set_at") == "implied");
  CHECK(value("[delivery]", "stall_timeout").at("set_at") == "default");
}

}  // namespace weir::app
