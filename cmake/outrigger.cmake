# What every target of the project shares: dependencies, warnings, sanitizers, and three one-line forms
# (outrigger_library, outrigger_test, outrigger_fuzz) so that a room's CMakeLists.txt is a list of files.

option(OUTRIGGER_BENCH "build bench/ (needs DPDK driver headers for the generator)" OFF)
option(OUTRIGGER_FUZZ "build the libFuzzer targets (clang only)" OFF)
set(OUTRIGGER_SANITIZE "" CACHE STRING "address,undefined or thread")
set(OUTRIGGER_MARCH "x86-64-v3" CACHE STRING "-march on x86-64; the scalar twin is built elsewhere")

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(GTest REQUIRED)
find_package(absl REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(DPDK REQUIRED IMPORTED_TARGET libdpdk>=22.11)
# Its flags ask for the oldest CPU it runs on and would come after ours.
get_target_property(dpdk_flags PkgConfig::DPDK INTERFACE_COMPILE_OPTIONS)
list(FILTER dpdk_flags EXCLUDE REGEX "^-march=")
set_target_properties(PkgConfig::DPDK PROPERTIES INTERFACE_COMPILE_OPTIONS "${dpdk_flags}")
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)

add_library(outrigger_options INTERFACE)
target_include_directories(outrigger_options INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_BINARY_DIR}/api)
target_compile_options(outrigger_options INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Wno-missing-field-initializers -Werror)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64" AND OUTRIGGER_MARCH)
  target_compile_options(outrigger_options INTERFACE -march=${OUTRIGGER_MARCH})
endif()
if(OUTRIGGER_SANITIZE)
  target_compile_options(outrigger_options INTERFACE
    -fsanitize=${OUTRIGGER_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(outrigger_options INTERFACE -fsanitize=${OUTRIGGER_SANITIZE})
endif()

if(OUTRIGGER_FUZZ)  # coverage in the libraries too, but not in tests
  target_compile_options(outrigger_options INTERFACE $<$<NOT:$<BOOL:$<TARGET_PROPERTY:IS_TEST>>>:-fsanitize=fuzzer-no-link>)
endif()

# A first build without a compiler cache takes longer than all tests, and much of it goes into optimising what hardly
# runs: tests, and the rooms that wait for people, disks and networks.  The presets say how these are compiled.
set(OUTRIGGER_LIGHT_FLAGS "" CACHE STRING "further flags for tests and for the rooms of OUTRIGGER_LIGHT_ROOMS")
set(OUTRIGGER_LIGHT_ROOMS procfs offload inventory scorecard dpu/journal dpu/health dpu/supervise dpu/rollout dpu/secure
  dpu/fallback dpu/sidecar dpu host audit lab scenario cli)

find_program(OUTRIGGER_CCACHE ccache)
if(OUTRIGGER_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${OUTRIGGER_CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${OUTRIGGER_CCACHE})
endif()
find_program(OUTRIGGER_LLD ld.lld)
if(OUTRIGGER_LLD)
  add_link_options(-fuse-ld=lld)
endif()

add_custom_target(tests)         # every unit test
add_custom_target(fuzz-targets)  # every fuzz target

# outrigger_library(NAME SOURCES a.cc ... DEPS targets ...)
function(outrigger_library name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${A_SOURCES})
  target_link_libraries(${name} PUBLIC outrigger_options ${A_DEPS})
endfunction()

# outrigger_test(NAME SOURCES a_test.cc ... DEPS targets ...): one GoogleTest program, one ctest entry.
function(outrigger_test name)
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE outrigger_options ${A_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE ${OUTRIGGER_LIGHT_FLAGS})
  set_target_properties(${name} PROPERTIES IS_TEST ON)
  add_dependencies(tests ${name})
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# outrigger_fuzz(NAME SOURCES a_fuzz.cc DEPS targets ...): a libFuzzer target, run for FUZZ_SECONDS by `make test`.
function(outrigger_fuzz name)
  if(NOT OUTRIGGER_FUZZ)
    return()
  endif()
  cmake_parse_arguments(A "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${A_SOURCES})
  target_link_libraries(${name} PRIVATE outrigger_options ${A_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzz-targets ${name})
  set(corpus ${CMAKE_SOURCE_DIR}/tests/corpus/${name})
  add_test(NAME ${name} COMMAND ${CMAKE_SOURCE_DIR}/devtools/run-fuzz $<TARGET_FILE:${name}> ${corpus})
  set_tests_properties(${name} PROPERTIES LABELS fuzz TIMEOUT 300)
endfunction()
