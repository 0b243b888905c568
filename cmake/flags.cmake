# Compiler flags of the house: every warning is an error, hardening is on, sanitizers by option.
set(SLUICE_WARNINGS -Wall -Wextra -Wshadow -Wvla -Wwrite-strings -Wpointer-arith -Wformat=2 -Werror)
set(SLUICE_C_WARNINGS -Wstrict-prototypes -Wmissing-prototypes)

set(sluice_link_flags -Wl,-z,relro,-z,now)
set(sluice_compile_flags -fno-omit-frame-pointer -fstack-protector-strong)
if(SLUICE_SANITIZE)
  list(APPEND sluice_compile_flags -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  list(APPEND sluice_link_flags -fsanitize=${SLUICE_SANITIZE})
else()
  list(APPEND sluice_compile_flags -D_FORTIFY_SOURCE=2)
endif()
if(SLUICE_COVERAGE)
  list(APPEND sluice_compile_flags --coverage -fprofile-update=atomic)
  list(APPEND sluice_link_flags --coverage)
endif()
if(SLUICE_FUZZ)
  list(APPEND sluice_compile_flags -fsanitize=fuzzer-no-link)
endif()

function(sluice_warnings target)
  target_compile_options(${target} PRIVATE ${SLUICE_WARNINGS}
    $<$<COMPILE_LANGUAGE:C>:${SLUICE_C_WARNINGS} -D_GNU_SOURCE
      -include ${CMAKE_SOURCE_DIR}/src/base/banned.h>)
  target_compile_options(${target} PRIVATE ${sluice_compile_flags})
  target_link_options(${target} PRIVATE ${sluice_link_flags})
endfunction()
