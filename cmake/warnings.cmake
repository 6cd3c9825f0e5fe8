# Warnings are errors. LLVM's headers are system headers.
# -Wrestrict of g++ 12 misfires on string concatenation (GCC bug 105329).
add_compile_options(-Wall -Wextra -Werror -Wno-missing-field-initializers -Wno-restrict)
if(AMPC_SANITIZE)
  add_compile_options(-fsanitize=${AMPC_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${AMPC_SANITIZE})
endif()
