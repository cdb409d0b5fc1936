//! What a picture of a failed login shows: all of the page, and nothing of who logged in with what.
//!
//! Two logins whose passwords and names are made of the same letters in another order have pages of the same measures. If
//! nothing secret is left on the pictures, they are the same, point by point. Where there is tesseract it has a look too.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{once, scene};
use crate::support::Folder;
use crate::support::idp::{Idp, Options};
use crate::support::scene::Scene;

/// Of equal letters, so of equal width in every font without kerning.
const PASSWORDS: [&str; 2] = ["monologue-nine", "nine-monologue"];
const NAMES: [&str; 2] = ["patricia-mole", "mole-patricia"];

/// A picture: its width, and four bytes a point.
#[derive(PartialEq, Eq)]
struct Picture {
    width: usize,
    points: Vec<u8>,
}

impl Picture {
    fn read(file: &Path) -> Self {
        let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(file).unwrap()));
        decoder.set_transformations(png::Transformations::normalize_to_color8() | png::Transformations::ALPHA);
        let mut reader = decoder.read_info().unwrap();
        let mut points = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut points).unwrap();
        assert_eq!(frame.color_type, png::ColorType::Rgba);
        Self { width: frame.width as usize, points }
    }

    /// The rows in which two pictures differ.
    fn differs(&self, other: &Self) -> Vec<usize> {
        assert_eq!(self.width, other.width);
        let rows = |picture: &Self| picture.points.chunks(picture.width * 4).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (ours, theirs) = (rows(self), rows(other));
        (0..ours.len()).filter(|row| ours[*row] != theirs[*row]).collect()
    }

    /// The rows that are not all of one colour.
    fn written(&self) -> usize {
        self.points.chunks(self.width * 4).filter(|row| row.chunks(4).any(|point| point != &row[..4])).count()
    }
}

/// A picture of the page that shows it all, after a login with this name and password.
fn take(screenshots: &str, which: usize) -> (PathBuf, Folder) {
    let (name, password) = (NAMES[which], PASSWORDS[which]);
    let users = json!({ name: password }).to_string();
    let idp = Idp::with(&Options { environment: &[("USERS", &users)], ..Options::default() });
    let mut stage = Scene::new(&idp);
    let folder = Folder::new();
    stage.folder.write("shown.password", password);
    stage.more = format!(
        "[store]\nscreenshots = \"{screenshots}\"\n[[user]]\nname = \"shown\"\nusername = \"{name}\"\n\
         password = {{ file = \"shown.password\" }}\n"
    );
    let picture = folder.file("picture.png");
    let probes = super::login(&scene("echo")).replace("\"alice\"", "\"shown\"");
    let finished = stage.command(&probes, "probe", &["login", "--screenshot", picture.to_str().unwrap()]);
    assert_eq!(finished.code, 3, "{finished:?}");
    (picture, folder)
}

/// What tesseract reads, without blanks; `None` where it is not installed.
fn read(picture: &Path) -> Option<String> {
    let output = Command::new("tesseract").arg(picture).arg("-").output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<String>().to_lowercase())
}

#[test]
fn a_masked_picture_does_not_depend_on_who_logged_in_with_what() {
    let (full, masked) = ([take("full", 0), take("full", 1)], [take("masked", 0), take("masked", 1)]);
    let decoded = |pictures: &[(PathBuf, Folder); 2]| pictures.each_ref().map(|(file, _)| Picture::read(file));
    let ([a, b], [c, d]) = (decoded(&full), decoded(&masked));
    // Title, heading, password, name, inputs: it is all over the page.
    let (bare, covered) = (a.differs(&b), c.differs(&d));
    println!("full pictures differ in {} rows, masked ones in {}; {} rows are written", bare.len(), covered.len(), c.written());
    assert!(bare.len() > 60, "the full pictures show what was typed: {bare:?}");
    assert_eq!(covered, [0; 0], "the masked pictures differ in these rows");
    assert!(c.written() > 60, "a masked picture still shows the page");

    for (index, (file, _)) in masked.iter().enumerate() {
        let Some(text) = read(file) else { break };
        let whole = read(&full[index].0).unwrap();
        assert!(whole.contains(PASSWORDS[index]), "what a person reads on the full picture: {whole}");
        assert!(text.contains("almostthere"), "the heading is still there: {text}");
        for secret in PASSWORDS.iter().chain(&NAMES).flat_map(|secret| secret.split('-')).filter(|word| word.len() > 4) {
            assert!(!text.contains(secret), "{secret} can be read: {text}");
        }
    }
}

#[test]
fn no_picture_is_taken_when_none_is_wanted() {
    let idp = Idp::start();
    let mut stage = Scene::new(&idp);
    stage.more = "[store]\nscreenshots = \"off\"\n".into();
    let (_, run) = once(&stage, &scene("captcha"));
    let evidence = &run.0["browser"]["evidence"];
    assert!(evidence["screenshot_bytes"].is_null(), "{evidence:#}");
    assert!(evidence["outline"].as_str().is_some_and(|outline| outline.contains("Sign in")), "{evidence:#}");
}
