//! `deploy/`: held against the official schemas, its scripts and arguments executed with the built binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::stage::{BINARY, Stage};
use crate::support::process::Process;
use crate::support::{Folder, PATIENCE, eventually, installed, net, repository};

const SMOKE_ACTION: &str = "deploy/github/action.yml";
const GATE_ACTION: &str = "deploy/github/gate/action.yml";
const GITLAB: &str = "deploy/gitlab/authprobe.gitlab-ci.yml";
const JOB: &str = "deploy/kubernetes/job.yaml";
const DAEMON: &str = "deploy/kubernetes/daemon.yaml";

fn file(path: &str) -> PathBuf {
    repository().join(path)
}

fn text(path: &str) -> String {
    std::fs::read_to_string(file(path)).unwrap()
}

fn tool(name: &str) -> Command {
    Command::new(installed(&format!(".authprobe-test/deploy/bin/{name}")))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// All documents of a YAML file.
fn yaml(path: &str) -> Vec<Value> {
    let script = "import json, sys, yaml\nprint(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = tool("python").args(["-c", script]).arg(file(path)).output().unwrap();
    assert!(output.status.success(), "{path}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fits(schema: &str, path: &Path) -> Result<(), String> {
    let output = tool("check-jsonschema").args(["--builtin-schema", schema]).arg(path).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(said(&output)) }
}

#[test]
fn the_files_fit_the_official_schemas_and_what_is_wrong_would_not() {
    let folder = Folder::new();
    for (schema, path, good, bad) in [
        ("vendor.github-actions", SMOKE_ACTION, "using: composite", "using: composit"),
        ("vendor.github-actions", GATE_ACTION, "shell: bash", "shel: bash"),
        ("vendor.gitlab-ci", GITLAB, "exit_codes: [3]", "exit_codes: three"),
    ] {
        // What begins with a dot is not looked at: jobs that extend it would be.
        let text = text(path).replace("\n.authprobe", "\nauthprobe").replace("extends: .", "extends: ");
        let name = path.rsplit('/').next().unwrap();
        fits(schema, &folder.write(name, &text)).unwrap_or_else(|why| panic!("{path}: {why}"));
        assert!(text.contains(good), "{path}");
        assert!(fits(schema, &folder.write(name, &text.replace(good, bad))).is_err(), "{path}: {bad}");
    }
    let kubernetes = |path: &Path| tool("kubernetes-validate").arg("--strict").arg(path).output().unwrap();
    for (path, good, bad) in [(JOB, "backoffLimit: 0", "backofLimit: 0"), (DAEMON, "replicas: 1", "replicas: one")] {
        let output = kubernetes(&file(path));
        assert!(output.status.success(), "{path}: {}", said(&output));
        let text = text(path);
        assert!(text.contains(good), "{path}");
        assert!(!kubernetes(&folder.write("wrong.yaml", &text.replace(good, bad))).status.success(), "{path}: {bad}");
    }
}

/// Executes the step of an action as a runner would: with its inputs (defaults where they are not given) in the environment.
struct Step {
    code: i32,
    /// What it wrote on stdout and stderr.
    said: String,
    outputs: BTreeMap<String, String>,
    summary: String,
}

fn execute(action: &str, folder: &Folder, inputs: &[(&str, &str)], environment: &[(&str, &str)]) -> Step {
    let action = yaml(action).remove(0);
    let steps = action["runs"]["steps"].as_array().unwrap();
    assert_eq!((steps.len(), &steps[0]["shell"]), (1, &json!("bash")));
    let script = folder.write("step.sh", steps[0]["run"].as_str().unwrap());
    assert!(!text_of(&script).contains("${{"), "nothing from elsewhere becomes part of the script");
    let (outputs, summary) = (folder.write("outputs", ""), folder.write("summary.md", ""));
    let mut bash = Command::new("bash");
    bash.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(script).current_dir(folder.path());
    for (name, value) in steps[0]["env"].as_object().unwrap() {
        let input = value.as_str().unwrap().strip_prefix("${{ inputs.").unwrap().strip_suffix(" }}").unwrap();
        let declared = &action["inputs"][input];
        assert!(declared.is_object(), "{input} is not declared");
        let given = inputs.iter().find(|(name, _)| *name == input).map(|(_, value)| *value);
        let default = || declared["default"].as_str().unwrap_or_else(|| panic!("{input} is required"));
        bash.env(name, given.unwrap_or_else(default));
    }
    bash.envs(environment.iter().copied()).env("GITHUB_OUTPUT", &outputs).env("GITHUB_STEP_SUMMARY", &summary);
    bash.env("RUNNER_TEMP", folder.path());
    let output = bash.output().unwrap();
    let outputs = text_of(&outputs);
    let outputs = outputs.lines().filter_map(|line| line.split_once('='));
    let outputs: BTreeMap<_, _> = outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, declared) in action["outputs"].as_object().unwrap() {
        let step = steps[0]["id"].as_str().unwrap();
        assert_eq!(declared["value"], format!("${{{{ steps.{step}.outputs.{name} }}}}"));
        assert!(outputs.contains_key(name), "{name} is not set: {}", said(&output));
    }
    Step { code: output.status.code().unwrap(), said: said(&output), outputs, summary: text_of(&summary) }
}

fn text_of(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_gate_action_opens_and_closes_and_leaves_no_token_behind() {
    let stage = Stage::new();
    stage.folder.write("read", "the-read-token");
    stage.folder.write("admin", "the-admin-token");
    let config = stage.config("read_token = { file = \"read\" }\nadmin_token = { file = \"admin\" }", "");
    let _daemon = crate::support::authprobe::Daemon::start(&config, &stage.listen, &[]);
    let url = stage.url();
    let inputs = |deployment, watch| {
        [
            ("server", url.as_str()),
            ("authprobe", BINARY),
            ("deployment", deployment),
            ("watch", watch),
            ("slo", "key-set\ntok*"),
        ]
    };
    let folder = Folder::new();
    let token = [("AUTHPROBE_TOKEN", "the-admin-token")];
    let good = execute(GATE_ACTION, &folder, &inputs("good one", "8s"), &token);
    assert_eq!((good.code, good.outputs["verdict"].as_str()), (0, "open"), "{}", good.said);
    assert!(good.summary.contains("✅ open") && good.summary.contains("`good one`"), "{}", good.summary);
    let json: Value = serde_json::from_str(&text_of(&folder.file(&good.outputs["json"]))).unwrap();
    assert_eq!(json["verdict"], "open");

    stage.break_tokens(json!({}));
    let bad = execute(GATE_ACTION, &folder, &inputs("bad one", "10m"), &token);
    assert_eq!((bad.code, bad.outputs["verdict"].as_str()), (1, "closed"), "{}", bad.said);
    assert!(bad.said.contains("::error title=authprobe gate%3A closed::"), "{}", bad.said);
    let refused = execute(GATE_ACTION, &folder, &inputs("x", "10m"), &[]);
    assert_eq!((refused.code, refused.outputs["verdict"].as_str()), (2, "configuration"), "{}", refused.said);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("token")), "{left:?}");
}

#[test]
fn the_smoke_action_says_good_bad_and_unknown() {
    let stage = Stage::new();
    let config = stage.config("", "");
    let folder = Folder::new();
    let inputs = |arguments| [("config", config.to_str().unwrap()), ("authprobe", BINARY), ("arguments", arguments)];
    let good = execute(SMOKE_ACTION, &folder, &inputs("--probe=keys\n--probe=machine\n"), &[]);
    assert_eq!((good.code, good.outputs["verdict"].as_str()), (0, "good"), "{}", good.said);
    let json: Value = serde_json::from_str(&text_of(&folder.file(&good.outputs["json"]))).unwrap();
    assert_eq!((&json["verdict"], json["checks"].as_array().unwrap().len()), (&json!("good"), 2));
    assert!(text_of(&folder.file(&good.outputs["junit"])).contains("<testsuite"));
    assert!(!good.summary.is_empty());

    stage.break_tokens(json!({}));
    let bad = execute(SMOKE_ACTION, &folder, &inputs(""), &[]);
    assert_eq!((bad.code, bad.outputs["verdict"].as_str()), (1, "bad"), "{}", bad.said);
    assert!(bad.said.contains("::error"), "{}", bad.said);
    stage.lab.clear_faults();

    stage.folder.write("svc.secret", "wrong-secret");
    let unknown = execute(SMOKE_ACTION, &folder, &inputs("--probe=machine"), &[]);
    assert_eq!((unknown.code, unknown.outputs["verdict"].as_str()), (3, "unknown"), "{}", unknown.said);
    let allowed = [&inputs("--probe=machine")[..], &[("allow-unknown", "true")]].concat();
    let allowed = execute(SMOKE_ACTION, &folder, &allowed, &[]);
    assert_eq!((allowed.code, allowed.outputs["exit-code"].as_str()), (0, "3"), "{}", allowed.said);
    let nothing = execute(SMOKE_ACTION, &folder, &[("config", "none.toml"), ("authprobe", BINARY)], &[]);
    assert_eq!((nothing.code, nothing.outputs["verdict"].as_str()), (2, "configuration"), "{}", nothing.said);
}

/// A job of the template with what it extends, as GitLab merges them.
fn gitlab_job(name: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let template = yaml(GITLAB).remove(0);
    let (mut script, mut variables, mut next) = (Vec::new(), BTreeMap::new(), Some(name.to_owned()));
    while let Some(name) = next {
        let job = &template[&name];
        assert!(job.is_object(), "{name}");
        for (name, value) in job["variables"].as_object().into_iter().flatten() {
            variables.entry(name.clone()).or_insert_with(|| value.as_str().unwrap().to_owned());
        }
        if let Some(lines) = job["script"].as_array().filter(|_| script.is_empty()) {
            script = lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect();
        }
        next = job["extends"].as_str().map(str::to_owned);
    }
    (script, variables)
}

fn gitlab(name: &str, folder: &Folder, environment: &[(&str, &str)]) -> Output {
    let (script, variables) = gitlab_job(name);
    let script = folder.write("job.sh", &script.join("\n"));
    let mut bash = Command::new("bash");
    bash.args(["-eo", "pipefail"]).arg(script).current_dir(folder.path());
    bash.envs(variables).envs(environment.iter().copied()).env("AUTHPROBE", BINARY).output().unwrap()
}

#[test]
fn the_gitlab_jobs_run() {
    let stage = Stage::new();
    let daemon = stage.daemon();
    let folder = Folder::new();
    let token = folder.write("token", "unused");
    let environment = [
        ("AUTHPROBE_SERVER", stage.url()),
        ("AUTHPROBE_WATCH", "4s".to_owned()),
        ("AUTHPROBE_TOKEN_FILE", token.to_str().unwrap().to_owned()),
        ("CI_PROJECT_PATH_SLUG", "identity-keycloak".to_owned()),
        ("CI_PIPELINE_ID", "77".to_owned()),
    ];
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let output = gitlab(".authprobe-gate", &folder, &environment);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(daemon.get("/api/v1/deployments").json()["deployments"][0]["id"], "identity-keycloak-77");
    let json: Value = serde_json::from_str(&text_of(&folder.file("authprobe-results/gate.json"))).unwrap();
    assert_eq!(json["verdict"], "open");

    let config = stage.folder.file("authprobe.toml");
    let environment =
        [("AUTHPROBE_CONFIG", config.to_str().unwrap()), ("AUTHPROBE_ARGUMENTS", "--wait=5s --probe=keys")];
    let output = gitlab(".authprobe-smoke", &folder, &environment);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(text_of(&folder.file("authprobe-results/smoke.xml")).contains("<testsuite"));
}

/// The container of a workload in a Kubernetes file.
fn container(path: &str, kind: &str) -> Value {
    let workload = yaml(path).into_iter().find(|document| document["kind"] == kind).unwrap();
    let pod = &workload["spec"]["template"]["spec"];
    assert_eq!(
        (&pod["securityContext"]["runAsNonRoot"], &pod["securityContext"]["runAsUser"]),
        (&json!(true), &json!(65532))
    );
    let container = pod["containers"][0].clone();
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert!(!container["image"].as_str().unwrap().contains('/'), "a name without a registry");
    container
}

/// Its arguments, with that configuration in place of the mounted one.
fn arguments(container: &Value, config: &Path) -> Vec<String> {
    let words = container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let words: Vec<String> =
        words.map(|w| w.replace("/etc/authprobe/authprobe.toml", config.to_str().unwrap())).collect();
    assert!(words.iter().any(|word| *word == config.to_string_lossy()));
    words
}

#[test]
fn the_kubernetes_job_runs() {
    let stage = Stage::new();
    let config = stage.config("", "");
    let output = Command::new(BINARY).args(arguments(&container(JOB, "Job"), &config)).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn the_daemon_of_kubernetes_and_systemd_starts_answers_its_probes_and_stops() {
    let unit = text("deploy/systemd/authprobe.service");
    let line = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    let started = line("ExecStart=/usr/local/bin/authprobe ");
    let reload = line("ExecReload=/bin/kill -");
    let container = container(DAEMON, "Deployment");
    let probes = ["startupProbe", "readinessProbe", "livenessProbe"];
    let paths = probes.map(|probe| container[probe]["httpGet"]["path"].as_str().unwrap().to_owned());
    for of_systemd in [false, true] {
        let stage = Stage::new();
        let config = stage.config("", "");
        let words = match of_systemd {
            true => started
                .split(' ')
                .map(|w| w.replace("/etc/authprobe/authprobe.toml", config.to_str().unwrap()))
                .collect(),
            false => arguments(&container, &config),
        };
        let mut daemon = Process::start(BINARY, |command| {
            command.args(&words);
        });
        for path in &paths {
            eventually(path, || net::get(&format!("{}{path}", stage.url())).filter(|answer| answer.status == 200));
        }
        daemon.signal(reload.split(' ').next().unwrap());
        daemon.wait_for("a reload", |line| line.contains("configuration reloaded").then_some(()));
        daemon.signal("TERM");
        assert_eq!(daemon.wait(PATIENCE).expect("an end").code(), Some(0), "{}", daemon.output());
    }
}

#[test]
fn the_unit_is_right_and_confines_what_it_starts() {
    let folder = Folder::new();
    let unit = text("deploy/systemd/authprobe.service").replace("/usr/local/bin/authprobe", BINARY);
    let unit = folder.write("authprobe.service", &unit);
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).arg(&unit).output().unwrap();
    let verified = analyze(&["verify", "--man=no"]);
    assert!(verified.status.success() && said(&verified).trim().is_empty(), "{}", said(&verified));
    // Exposure of 10 is none at all; without this file it is 9.6.
    let exposed = analyze(&["security", "--offline=yes", "--threshold=25", "--no-pager"]);
    assert!(exposed.status.success(), "{}", said(&exposed));
}

#[test]
fn the_image_runs_as_nobody_and_holds_what_the_build_needs() {
    let dockerfile = text("deploy/container/Dockerfile");
    let lines = |word: &str| -> Vec<String> {
        dockerfile.lines().filter_map(|line| line.strip_prefix(word)).map(|rest| rest.trim().to_owned()).collect()
    };
    for image in lines("FROM ") {
        assert!(!image.contains('/'), "{image}: a name without a registry");
    }
    assert_eq!(lines("USER ").last().map(String::as_str), Some("65532:65532"));
    assert_eq!(lines("COPY --from=build "), ["/out/authprobe /usr/local/bin/authprobe"]);
    assert_eq!(lines("ENTRYPOINT "), ["[\"/usr/local/bin/authprobe\"]"]);
    let rust =
        text("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().replace('"', "");
    assert!(lines("ARG ").contains(&format!("RUST={rust}")), "{rust}");
    // Everything that the sources include from elsewhere is in the context of the build.
    let ignored = text("deploy/container/Dockerfile.dockerignore");
    let sent: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let mut included = 0;
    for source in sources(&file("src")) {
        for path in text_of(&source).split("include_str!(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let path = source.parent().unwrap().join(path).canonicalize().unwrap();
            let top = path.strip_prefix(repository()).unwrap().components().next().unwrap();
            let top = top.as_os_str().to_str().unwrap();
            assert!(sent.contains(&top), "{top} is not sent");
            included += 1;
        }
    }
    assert!(included > 10 && sent.contains(&"Cargo.lock"), "{included}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    found.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}
