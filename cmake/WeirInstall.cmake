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

# The units know where the program is.
foreach(unit weir.service weir.socket)
  file(READ ${CMAKE_SOURCE_DIR}/ops/systemd/${unit} text)
  string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_FULL_SBINDIR}/" text "${text}")
  file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/systemd/${unit} CONTENT "${text}")
endforeach()
# weir@a and weir@b follow each other: which of them starts takes over from the other.
file(READ ${CMAKE_SOURCE_DIR}/ops/systemd/weir.service text)
string(REPLACE "/usr/sbin/" "${CMAKE_INSTALL_FULL_SBINDIR}/" text "${text}")
string(REPLACE "Weir, an edge cache" "Weir, an edge cache, which takes over (%i)" text "${text}")
string(REPLACE "weir run" "weir run --take-over" text "${text}")
string(REPLACE "RuntimeDirectory=weir" "RuntimeDirectory=weir\nRuntimeDirectoryPreserve=yes" text "${text}")
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/systemd/weir@.service CONTENT "${text}")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/systemd/weir.service ${CMAKE_CURRENT_BINARY_DIR}/systemd/weir@.service
  DESTINATION lib/systemd/system)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/systemd/weir.socket README.md docs/metrics.md docs/reasons.md docs/operating.md
  conf/weir.conf ops/grafana/weir.json ops/prometheus/alerts.yml DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ops/weir.conf DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/weir)
install(FILES ops/logrotate/weir DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/logrotate.d)

# The package: scripts/package.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_CONTACT "The makers of Weir <weir@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "edge cache for large objects")
set(CPACK_PACKAGE_DESCRIPTION "Weir is a reverse proxy that takes objects from an origin at full speed, keeps them, and serves
each client at its own pace. It judges clients by what they acknowledge.")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION web)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "logrotate, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/ops/debian/postinst ${CMAKE_SOURCE_DIR}/ops/debian/prerm
  ${CMAKE_SOURCE_DIR}/ops/debian/postrm ${CMAKE_SOURCE_DIR}/ops/debian/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
