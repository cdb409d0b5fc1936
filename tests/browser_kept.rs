#[tokio::test]
async fn quick() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    use authprobe::browser::*;
    let k = testing::Keepers::new(env!("CARGO_BIN_EXE_authprobe").into(), std::time::Duration::from_secs(20));
    let t = std::time::Instant::now();
    let held = k.launch(&Settings::default(), None).await.unwrap();
    println!("{:?} {} {:?} {:?}", t.elapsed(), held.url(), held.folder(), held.keeper());
    let browser = std::env::var("B").unwrap_or("/usr/lib/chromium/chromium-headless-shell".into());
    let c = reqwest::Client::new();
    let r = c.post(held.url().join("session").unwrap()).body(held.capabilities(browser.as_ref()).to_string()).send().await.unwrap();
    println!("{:?} {}", t.elapsed(), r.text().await.unwrap());
    let t = std::time::Instant::now();
    let p = held.processes();
    println!("{:?} {:?}", t.elapsed(), p);
    println!("{:?}", held.memory().await); println!("{:?}", t.elapsed());
    for pid in p { 
       let cmd = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().replace('\0', " ");
       let e = std::fs::read(format!("/proc/{pid}/environ")).map(|e| String::from_utf8_lossy(&e).contains(held.folder().to_str().unwrap()));
       println!("{pid} {} {} {e:?} {:?}", cmd.chars().take(150).collect::<String>(), cmd.contains(held.folder().to_str().unwrap()), std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).is_ok()); }
    println!("{}", String::from_utf8_lossy(&std::process::Command::new("find").arg(held.folder()).output().unwrap().stdout).lines().filter(|l| l.matches('/').count() < 6).collect::<Vec<_>>().join("\n"));
    let t = std::time::Instant::now();
    let f = held.folder().to_owned();
    held.end().await;
    println!("end {:?} {}", t.elapsed(), f.exists());
}
