// What AddressSanitizer is to do with the scripted PAM application: `make test-asan` compiles it in. Reports go to files,
// since tests read the application's output. A process whose user may not be traced has no leaks looked for.
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
    return "log_path=" TWINLOCK_ASAN_REPORTS "/report:detect_leaks=1:exitcode=77:detect_stack_use_after_return=1"
           ":strict_string_checks=1:check_initialization_order=1";
}
