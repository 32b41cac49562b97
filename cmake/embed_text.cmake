# cmake -DFROM=page.html -DTO=page.cpp -DHEADER=app/page/admin_page.h -DNAME=kAdminPage -P embed_text.cmake
# Makes a text file a string of the program, in namespace weir::app. C++ allows 65,536 bytes in a literal at
# least, compilers many more.
file(READ "${FROM}" text)
string(FIND "${text}" ")embedded\"" end)
if(NOT end EQUAL -1)
  message(FATAL_ERROR "${FROM} has what ends the literal")
endif()
file(WRITE "${TO}" "// Made of ${FROM} by embed_text.cmake.
#include \"${HEADER}\"

namespace weir::app {

extern const std::string_view ${NAME} = R\"embedded(${text})embedded\";

}  // namespace weir::app
")
