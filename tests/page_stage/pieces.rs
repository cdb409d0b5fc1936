//! What runs of the scenes are made of.

use std::time::Duration;

use authprobe::clock::Timestamp;
use authprobe::outcome::{CheckLabels, Id, Phases, RequestRecord, Screenshot, StepRecord, StepState};

/// A token is revoked after the verdict, at the second attempt.
pub fn cleanup(check: &CheckLabels, start: Timestamp, seed: u64) -> StepRecord {
    let ms = Duration::from_millis;
    let request = |n: u32, at: Timestamp, error: Option<&'static str>| RequestRecord {
        span_id: Id([n as u8 + 50; 8]),
        endpoint: "revocation",
        region: check.region.clone(),
        method: "POST",
        url: "https://login.example.com/revoke".into(),
        host: "login.example.com".into(),
        port: 443,
        status: error.is_none().then_some(200),
        resend: n,
        start: at,
        duration: ms(30),
        phases: Phases {
            resolve: Some(ms(1)),
            connect: Some(ms(4)),
            tls: error.is_none().then_some(ms(9)),
            processing: error.is_none().then_some(ms(12)),
            transfer: None,
        },
        body_bytes: 0,
        error,
        certificate_not_after: None,
    };
    StepRecord {
        name: "revoke",
        span_id: Id([seed as u8; 8]),
        state: StepState::Done,
        start,
        duration: ms(70),
        note: String::new(),
        cleanup: true,
        requests: vec![request(0, start, Some("reset")), request(1, start + ms(38), None)],
    }
}

/// A box on a page, with two fields and a button.
pub fn picture() -> Screenshot {
    const SIZE: (u32, u32) = (800, 600);
    let within = |x: u32, y: u32, (left, top, right, bottom): (u32, u32, u32, u32)| {
        (left..right).contains(&x) && (top..bottom).contains(&y)
    };
    let mut pixels = Vec::with_capacity((SIZE.0 * SIZE.1 * 3) as usize);
    for (y, x) in (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| (y, x))) {
        pixels.extend(match () {
            () if within(x, y, (280, 380, 520, 420)) => [0x0b, 0x57, 0xb0],
            () if within(x, y, (280, 230, 520, 265)) || within(x, y, (280, 300, 520, 335)) => [0xc0, 0xc6, 0xd0],
            () if within(x, y, (240, 140, 560, 460)) => [0xff, 0xff, 0xff],
            () => [0xee, 0xf0, 0xf3],
        });
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels)).unwrap();
    Screenshot(bytes.into())
}
