# One folder of src/ is one room: a static library weir_<name> that links only the rooms named in
# BELOW. The floors are written down once, here, and checked when CMake runs: a room may link only
# rooms of lower floors. scripts/check-floors proves the same of the #include lines.
set(WEIR_FLOOR_base 0)
foreach(room http body delivery sched net)
  set(WEIR_FLOOR_${room} 1)
endforeach()
foreach(room policy store)
  set(WEIR_FLOOR_${room} 2)
endforeach()
foreach(room cache origin front)
  set(WEIR_FLOOR_${room} 3)
endforeach()
set(WEIR_FLOOR_proxy 4)
set(WEIR_FLOOR_app 5)

add_library(weir_flags INTERFACE)
target_compile_options(weir_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion>)
# GCC 12 warns falsely inside sanitized code now and then; without a sanitizer nothing may warn.
if(NOT WEIR_SANITIZE)
  target_compile_options(weir_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(weir_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety>)
endif()
if(WEIR_SANITIZE)
  add_compile_options(-fsanitize=${WEIR_SANITIZE} -fno-omit-frame-pointer)
  if(NOT WEIR_FUZZ)
    add_compile_options(-O1 -g1)  # half the time to compile; line numbers in reports remain
  endif()
  add_link_options(-fsanitize=${WEIR_SANITIZE})
  if(NOT WEIR_SANITIZE STREQUAL "thread")
    # The vptr check opens a pipe to see whether memory is readable, and reports falsely where a test
    # has taken all descriptors away.
    add_compile_options(-fno-sanitize-recover=all -fno-sanitize=vptr)
  endif()
  # GCC 12 warns falsely inside sanitized code (its own bug list names both).
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized> $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()

# weir_room(<name> [BELOW room...] [LINK library...])
function(weir_room name)
  cmake_parse_arguments(ROOM "" "" "BELOW;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(weir_${name} STATIC ${sources})
  target_include_directories(weir_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(weir_${name} PRIVATE weir_flags)
  foreach(room ${ROOM_BELOW})
    if(NOT WEIR_FLOOR_${room} LESS WEIR_FLOOR_${name})
      message(FATAL_ERROR "floors: ${name} (${WEIR_FLOOR_${name}}) may not use ${room} (${WEIR_FLOOR_${room}})")
    endif()
    target_link_libraries(weir_${name} PUBLIC weir_${room})
  endforeach()
  target_link_libraries(weir_${name} PUBLIC ${ROOM_LINK})
endfunction()

# weir_tests(<room> [LINK library...]): every *_test.cpp of this folder, one program, one ctest case
# for each TEST_CASE.
function(weir_tests name)
  cmake_parse_arguments(TESTS "" "" "LINK;PROPERTIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  add_executable(${name}_tests ${sources})
  target_link_libraries(${name}_tests PRIVATE weir_flags weir_test_main ${TESTS_LINK})
  add_dependencies(unit_tests ${name}_tests)
  doctest_discover_tests(${name}_tests TEST_PREFIX "${name}: " PROPERTIES LABELS ${name}
    SKIP_REGULAR_EXPRESSION "SKIPPED:" ${TESTS_PROPERTIES})
endfunction()
