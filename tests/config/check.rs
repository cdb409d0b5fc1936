//! `authprobe check`: the plan in words.

use super::{Folder, authprobe, root, text};

const PLAN: &str = r#"
[server]
listen = "0.0.0.0:9464"

[store]
path = "authprobe.db"

[[region]]
name = "eu-west-1"
reference = ["https://www.example.org/"]

[[region]]
name = "us-east-1"
proxy = { env = "WEB_SECRET" }

[[provider]]
name = "main"
issuer = "https://login.example.com"
max_requests_per_minute = 120

[[client]]
name = "web"
provider = "main"
client_id = "web"
client_secret = { file = "web.secret" }
redirect_uri = "http://127.0.0.1:8765/cb"

[[user]]
name = "synthetic"
username = "alice"
password = { file = "secrets/alice" }

[[probe]]
name = "keys"
kind = "jwks"
provider = "main"
every = "30s"

[[probe]]
name = "login"
kind = "form_login"
client = "web"
user = "synthetic"
cron = "0 */5 * * * *"
timezone = "Europe/Zurich"
regions = ["eu-west-1"]
labels = { team = "identity" }

[[probe]]
name = "revocation"
kind = "revocation"
client = "web"
user = "synthetic"
every = "1h"

[[slo]]
name = "login-availability"
probes = ["login"]
sli = "availability"
objective = "90%"
window = "30d"
"#;

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.write("authprobe.toml", &PLAN.replace("{ env = \"WEB_SECRET\" }", "\"socks5h://127.0.0.1:1080\""));
    folder.write("web.secret", "s3cret-of-the-client\n");
    folder.write("secrets/alice", "s3cret-of-the-user\n");
    folder
}

#[test]
fn the_plan_says_what_will_be_done_and_what_it_costs() {
    let folder = folder("plan");
    let output = authprobe(&folder.0, &["check"]);
    let said = text(output.stdout);
    assert_eq!((output.status.code(), text(output.stderr).as_str()), (Some(0), ""), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let has = |expected: &str| assert!(words.contains(expected), "{expected:?} in\n{said}");
    has("3 probes, 2 regions, 4 checks in authprobe.toml; page, API and /metrics at http://0.0.0.0:9464");
    // 2 runs a minute × 2 regions × 60 = 240 runs of 2 requests.
    has("keys jwks - all 2 every 30s 2 480");
    has("login form_login web eu-west-1 cron 0 */5 * *");
    has("login: discovery → jwks → authorize → login → token → id_token → userinfo; within 30s");
    has("labels: team=identity");
    has("requests from all 2 regions in one run");
    has("us-east-1 through socks5h://127.0.0.1:1080");
    has("web web client_secret_basic file web.secret openid");
    has("synthetic alice file secrets/alice -");
    has("login-availability: 90% availability over the last 30d of login every run counts; about 8640 runs in 30d");
    has("budget: 864 bad runs, or 3d of total failure");
    has("page 5% 6h 30m 6");
    has("dropped: page at 2% within 1h: even when everything fails the budget burns only 10 times as fast");
    has("slo login-availability: tier 1h dropped: even when everything fails");
    has("authprobe.db: every run for 7d, failed ones for 90d, 2048 MiB at most");
    has("server: 0.0.0.0:9464 is reachable from other machines and there is no token");
    assert!(!said.contains("not evaluated") && !said.contains("yet"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "80 columns where there is no terminal:\n{said}");
    assert!(!said.contains('\u{1b}'), "no colours where there is no terminal");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn browsers_are_part_of_the_plan() {
    let folder = Folder::new("browsers");
    let away = "webdriver = { file = \"grid.url\" }";
    let browser = "[browser]\npath = \"bin/browser\"\nmax_sessions = 3\nmax_memory = \"512MiB\"\n";
    folder.write("grid.url", "https://probe:s3cret-of-the-grid@grid.example:4444/wd/hub\n");
    let program = folder.0.join(folder.write("bin/browser", "#!/bin/sh\n"));
    #[cfg(unix)]
    std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    folder.write("web.secret", "s3cret-of-the-client\n");
    folder.write("secrets/alice", "s3cret-of-the-user\n");
    let plan = PLAN
        .replace("proxy = { env = \"WEB_SECRET\" }", away)
        .replace("[store]\n", &format!("{browser}\n[store]\nscreenshots = \"off\"\n"))
        .replace("kind = \"form_login\"", "kind = \"browser_login\"")
        .replace("regions = [\"eu-west-1\"]\n", "")
        + "\n[[probe]]\nname = \"app\"\nkind = \"browser_login\"\nprovider = \"main\"\nuser = \"synthetic\"\nevery = \"5m\"\n\
           application = { url = \"https://app.example.com/\", expect = \"text=Welcome\" }\n";
    folder.write("authprobe.toml", &plan);
    let output = authprobe(&folder.0, &["check"]);
    let said = text(output.stdout);
    assert_eq!((output.status.code(), text(output.stderr).as_str()), (Some(0), ""), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "us-east-1 direct; browsers at https://grid.example:4444/wd/hub with a user name",
        "browsers of this machine: at most 3 at once, each replaced after 50 logins or above 512 MiB; screenshots: off",
        "login: discovery → jwks → browser → authorize → login → token → id_token → userinfo; within 30s",
        "app browser_login -",
    ] {
        assert!(words.contains(expected), "{expected:?} in\n{said}");
    }
    assert!(!said.contains("not used yet"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn cron_shows_its_next_three_times() {
    let folder = folder("cron");
    let said = text(authprobe(&folder.0, &["check"]).stdout);
    let joined = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, after) = joined.split_once("next: ").unwrap();
    let times: Vec<&str> = after.split(" UTC").take(3).map(|time| time.trim_start_matches(", ")).collect();
    let parsed: Vec<i64> = times
        .iter()
        .map(|time| chrono::NaiveDateTime::parse_from_str(time, "%a %Y-%m-%d %H:%M:%S").unwrap().and_utc().timestamp())
        .collect();
    assert!(parsed.windows(2).all(|pair| pair[1] - pair[0] == 300), "{times:?}");
    assert!(parsed.iter().all(|time| time % 300 == 0), "{times:?}");
}

#[test]
fn a_selection_of_regions_is_a_plan_of_its_own() {
    let folder = folder("selection");
    let output = authprobe(&folder.0, &["check", "--region", "us-east-1"]);
    let said = text(output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let joined = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for expected in [
        "2 probes, 1 region, 2 checks",
        "probe login: none of its regions is selected: it does not run here",
        "--region: eu-west-1 left to other machines",
        "holds for each machine: N machines may send N × 120",
    ] {
        assert!(joined.contains(expected), "{expected:?} in\n{said}");
    }
    let output = authprobe(&folder.0, &["check", "--region", "us-east-2"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("--region: unknown region `us-east-2`: did you mean `us-east-1`?"));
}

#[test]
fn paths_are_relative_to_the_file_they_stand_in() {
    let folder = Folder::new("include");
    folder.write(
        "etc/authprobe.toml",
        "include = [\"more/*.toml\", \"*.toml\"]\n[[provider]]\nname = \"main\"\nissuer = \"https://login.example.com\"\n",
    );
    folder.write(
        "etc/more/clients.toml",
        "[[client]]\nname = \"svc\"\nprovider = \"main\"\nclient_id = \"svc\"\nclient_secret = { file = \"svc.secret\" }\n",
    );
    folder.write("etc/more/svc.secret", "x\n");
    folder.write(
        "etc/probes.toml",
        "[[probe]]\nname = \"token\"\nkind = \"client_credentials\"\nclient = \"svc\"\nevery = \"1m\"\n",
    );
    let output = authprobe(&folder.0, &["check", "--config", "etc/authprobe.toml"]);
    let (said, errors) = (text(output.stdout), text(output.stderr));
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""));
    assert!(said.contains("etc/more/svc.secret"), "{said}");
    for file in ["etc/authprobe.toml", "etc/more/clients.toml", "etc/probes.toml"] {
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(file), "{file} in {said}");
    }
}

#[test]
fn the_packs_are_valid() {
    let folder = Folder::new("packs");
    let packs = root().join("probes");
    let include: Vec<String> =
        ["keys", "service", "login"].iter().map(|pack| format!("{:?}", packs.join(format!("{pack}.toml")))).collect();
    let web = |name: &str| {
        format!(
            "[[client]]\nname = {name:?}\nprovider = \"main\"\nclient_id = {name:?}\n\
             client_secret = {{ env = \"AUTHPROBE_CLIENT_SECRET\" }}\nredirect_uri = \"http://127.0.0.1:8765/cb\"\n"
        )
    };
    let file = folder.write(
        "authprobe.toml",
        &format!(
            "include = [{}]\n[[provider]]\nname = \"main\"\nissuer = \"https://login.example.com\"\n{}{}\
             [[user]]\nname = \"synthetic\"\nusername = \"alice\"\npassword = {{ env = \"AUTHPROBE_USER_PASSWORD\" }}\n",
            include.join(", "),
            web("web"),
            web("service")
        ),
    );
    let output = authprobe(&folder.0, &["check", "--config", &file]);
    assert_eq!((output.status.code(), text(output.stderr).as_str()), (Some(0), ""));
    let output = authprobe(root(), &["check", "--config", "probes/starter.toml"]);
    assert_eq!((output.status.code(), text(output.stderr).as_str()), (Some(0), ""));
    assert!(!text(output.stdout).contains("Notes"), "a start without any buts");
    // Nothing in that folder goes untested.
    let mut names: Vec<String> = std::fs::read_dir(packs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    // The catalogue is no pack: the plan's own tests go through every entry of it. Of the example tests/rules.rs makes rules.
    assert_eq!(names, ["catalogue.toml", "example.toml", "keys.toml", "login.toml", "service.toml", "starter.toml"]);
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = authprobe(root(), &["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(text(output.stdout).contains("region"), "{shell} knows the options of commands");
    }
    assert_eq!(authprobe(root(), &["completions", "csh"]).status.code(), Some(2));
}
