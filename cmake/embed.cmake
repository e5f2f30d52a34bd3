# Writes OUT, a C++ source with the text of each of FILES as `const std::string_view NAME` of namespace NAMESPACE; NAME
# is the file's, from its stem: web/report.css -> k_report_css.  cmake -DOUT=... -DNAMESPACE=... "-DFILES=a;b" -P embed.cmake
set(text "// Generated from web/: do not edit.\n#include <string_view>\nnamespace ${NAMESPACE} {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  string(MAKE_C_IDENTIFIER "k_${name}" name)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND text "static constexpr unsigned char ${name}_bytes[] = {${bytes}};\n")
  string(APPEND text "extern const std::string_view ${name};\n")
  string(APPEND text "const std::string_view ${name}(reinterpret_cast<const char*>(${name}_bytes), sizeof ${name}_bytes);\n")
endforeach()
file(WRITE "${OUT}" "${text}}  // namespace ${NAMESPACE}\n")
