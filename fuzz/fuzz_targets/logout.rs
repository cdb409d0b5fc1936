#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| authprobe_fuzz::run("logout", data));
