# What `cmake --install` puts where. The manual and the completion are made by the program itself.
include(GNUInstallDirs)
set(pages weir.8 weir.conf.5 weir-log.7)
set(made)
foreach(page ${pages})
  string(REGEX REPLACE "\\.[0-9]$" "" name ${page})
  string(REGEX REPLACE ".*\\." "" section ${page})
  add_custom_command(OUTPUT man/${page} DEPENDS weir
    COMMAND ${CMAKE_COMMAND} -E make_directory man
    COMMAND weir help man ${name} > man/${page})
  list(APPEND made man/${page})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/man/${page} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
add_custom_command(OUTPUT man/weir.bash DEPENDS weir
  COMMAND ${CMAKE_COMMAND} -E make_directory man
  COMMAND weir help completion > man/weir.bash)
add_custom_target(weir_manual ALL DEPENDS ${made} man/weir.bash)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/man/weir.bash
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME weir)
install(TARGETS weir DESTINATION ${CMAKE_INSTALL_SBINDIR})
