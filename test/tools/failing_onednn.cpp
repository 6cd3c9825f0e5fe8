// oneDNN of which every kernel can be prepared and none executed: AMPC_ONEDNN names this library, which has everything
// else from the real one.
extern "C" int dnnl_primitive_execute(const void *, void *, int, const void *) {
  return 2; // dnnl_invalid_arguments
}
