# The Debian package: what it holds, and what CPack must know. scripts/package makes it.
set(debian ${CMAKE_SOURCE_DIR}/deploy/debian)
set(package ${CMAKE_BINARY_DIR}/package)
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON) # not the tests
set(CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
  WORLD_READ WORLD_EXECUTE)

# Each role's unit is one template with the same restrictions.
file(READ ${debian}/hardening.conf HARDENING)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${debian}/hardening.conf)
configure_file(${debian}/sluice-setup.service.in ${package}/sluice-setup.service @ONLY)
function(sluice_unit ROLE ABOUT LISTEN)
  set(UNIT_EXTRA "")
  if(LISTEN)
    set(UNIT_EXTRA "Requires=sluice-${ROLE}.socket\n")
    configure_file(${debian}/role.socket.in ${package}/sluice-${ROLE}.socket @ONLY)
    install(FILES ${package}/sluice-${ROLE}.socket DESTINATION lib/systemd/system)
  endif()
  configure_file(${debian}/role.service.in ${package}/sluice-${ROLE}.service @ONLY)
  install(FILES ${package}/sluice-${ROLE}.service DESTINATION lib/systemd/system)
endfunction()
sluice_unit(gateway "takes webhooks, publishes to JetStream" 0.0.0.0:3000)
sluice_unit(fb-collector "stores Facebook events" "")
sluice_unit(ttk-collector "stores TikTok events" "")
sluice_unit(reporter "answers reports" 127.0.0.1:3003)

# Debian's form of the licence: indented, empty lines as dots.
file(READ ${CMAKE_SOURCE_DIR}/LICENSE LICENSE_TEXT)
string(REGEX MATCH "[0-9]+ [^\n]+" COPYRIGHT "${LICENSE_TEXT}")
string(STRIP "${LICENSE_TEXT}" LICENSE_TEXT)
string(REPLACE "\n" "\n " LICENSE_TEXT " ${LICENSE_TEXT}")
string(REPLACE "\n \n" "\n .\n" LICENSE_TEXT "${LICENSE_TEXT}")
configure_file(${debian}/copyright.in ${package}/copyright @ONLY)

# What the program says of itself.
add_custom_command(OUTPUT ${package}/sluice.1.gz ${package}/sluice.env ${package}/changelog.gz
  COMMAND ${debian}/make-man $<TARGET_FILE:sluice> > ${package}/sluice.1
  COMMAND gzip -9nf ${package}/sluice.1
  COMMAND ${debian}/make-env $<TARGET_FILE:sluice> > ${package}/sluice.env
  COMMAND ${debian}/make-changelog ${PROJECT_VERSION} ${CMAKE_SOURCE_DIR} > ${package}/changelog
  COMMAND gzip -9nf ${package}/changelog
  DEPENDS sluice ${debian}/make-man ${debian}/make-env ${debian}/make-changelog ${debian}/sluice.env.head VERBATIM)
add_custom_target(package-files DEPENDS ${package}/sluice.1.gz)

install(TARGETS sluice DESTINATION bin)
install(FILES ${package}/sluice-setup.service ${debian}/sluice.target DESTINATION lib/systemd/system)
install(FILES ${debian}/sysusers.conf DESTINATION lib/sysusers.d RENAME sluice.conf)
install(FILES ${package}/sluice.1.gz DESTINATION share/man/man1)
install(FILES ${debian}/completion.bash DESTINATION share/bash-completion/completions RENAME sluice)
install(FILES ${package}/copyright DESTINATION share/doc/sluice)
install(FILES ${debian}/lintian-overrides DESTINATION share/lintian/overrides RENAME sluice)
install(FILES ${package}/changelog.gz DESTINATION share/doc/sluice)
install(FILES ${package}/sluice.env DESTINATION /etc/sluice PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME sluice)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS ${CMAKE_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS})
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The Sluice authors <maintainers@sluice.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "event pipeline for the webhooks of ad platforms")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Takes in the events that Facebook and TikTok send by webhook, keeps each in
NATS JetStream before it answers, stores each exactly once in PostgreSQL, and
answers reports over HTTP.
.
One program is every role; each has a systemd unit. NATS and PostgreSQL may
run on this machine or elsewhere.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, init-system-helpers (>= 1.54), systemd | systemd-standalone-sysusers | systemd-sysusers")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "nats-server, postgresql")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  ${debian}/postinst ${debian}/prerm ${debian}/postrm ${debian}/conffiles)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
