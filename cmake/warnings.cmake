# Warnings are errors. LLVM's headers are system headers.
# -Wrestrict of g++ 12 misfires on string concatenation (GCC bug 105329).
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-restrict)
endif()
if(AMPC_SANITIZE)
  add_compile_options(-fsanitize=${AMPC_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AMPC_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # Branches are counted for the fuzzers. Type checks of virtual calls would need those of LLVM's libraries, too.
    add_compile_options(-fsanitize=fuzzer-no-link -fno-sanitize=vptr,function)
  endif()
endif()
