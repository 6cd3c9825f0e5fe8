# First inputs of all fuzz targets, in a folder per target.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/plan)
execute_process(COMMAND ${WRITE_SAMPLE_PLAN} --fuzz-seeds ${WORK}/plan COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${PYTHON} ${SOURCE}/seeds.py ${WORK} COMMAND_ERROR_IS_FATAL ANY)
file(COPY ${SOURCE}/seeds/search DESTINATION ${WORK})
