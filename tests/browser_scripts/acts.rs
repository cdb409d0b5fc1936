//! What is done to elements.

use serde_json::json;

use super::stage::{Stage, mark, seen};

const FIELDS: &str = r#"<input id=plain value=old><input id=email type=email><textarea id=area></textarea><div id=free contenteditable>old</div>
    <input id=fixed readonly value=x><input id=off disabled><input id=short maxlength=3><input id=controlled><p id=echo></p>
    <div id=code><input maxlength=1 id=c0><input maxlength=1><input maxlength=1><input maxlength=1></div>
    <label for=agree id=text>I agree</label><input type=checkbox id=agree style="opacity:0;position:absolute;pointer-events:none"><input type=checkbox id=ticked checked><input id=picky>
    <script>
      // As React does: the setter of the element itself keeps track of what scripts write, so that only people's input counts.
      const proto = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value');
      let tracked = '';
      Object.defineProperty(controlled, 'value', { configurable: true, get() { return proto.get.call(this) }, set(v) { tracked = v; proto.set.call(this, v) } });
      controlled.addEventListener('input', () => { const v = proto.get.call(controlled); if (v !== tracked) { tracked = v; echo.textContent = v } else { echo.textContent = 'missed' } });
      window.events = [];
      for (const type of ['input', 'change', 'keyup']) plain.addEventListener(type, (e) => events.push(type));
      picky.addEventListener('input', () => { picky.value = 'other' });
    </script>"#;

#[tokio::test]
async fn fields_are_filled_in_as_by_typing() {
    let mut stage = Stage::of(FIELDS).await;
    for mingled in [false, true] {
        if mingled {
            stage.mingle();
            stage.page("for (const e of document.querySelectorAll('input:not([type=checkbox]), textarea')) e.value = ''; agree.checked = false").await;
        }
        let story = stage.look().await;
        for (id, text) in [
            ("plain", "älice & co"),
            ("email", "a@b.example"),
            ("area", "one"),
            ("free", "free text"),
            ("controlled", "bob"),
        ] {
            assert_eq!(stage.act("fill", mark(&story, id), text).await, "ok", "{id}");
        }
        let values = stage
            .page("return [plain.value, email.value, area.value, free.textContent, controlled.value, echo.textContent]")
            .await;
        assert_eq!(values, json!(["älice & co", "a@b.example", "one", "free text", "bob", "bob"]));
        for (id, reason) in [
            ("fixed", "read-only"),
            ("off", "disabled"),
            ("echo", "cannot be filled in"),
            ("picky", "kept another value"),
        ] {
            assert_eq!(stage.act("fill", mark(&story, id), "something").await, reason, "{id}");
        }
        assert_eq!(stage.act("fill", mark(&story, "c0"), "1234").await, "ok");
        assert_eq!(stage.page("return [...code.children].map((e) => e.value).join('')").await, "1234");
        for id in ["agree", "ticked"] {
            assert_eq!(stage.act("tick", mark(&story, id), "").await, "ok");
            assert_eq!(stage.page(&format!("return {id}.checked")).await, true);
        }
        assert_eq!(stage.act("focus", mark(&story, "email"), "").await, "ok");
        assert_eq!(stage.page("return document.activeElement.id").await, "email");
        assert_eq!(stage.act("fill", 9999, "x").await, "gone");
    }
    let events = stage.page("return events").await;
    for event in ["input", "change", "keyup"] {
        assert!(events.as_array().unwrap().contains(&json!(event)), "{event}: {events}");
    }
    let story = stage.look().await;
    stage.page("plain.remove()").await;
    assert_eq!(stage.act("fill", mark(&story, "plain"), "x").await, "gone");
    assert_eq!(stage.point(mark(&story, "plain")).await, json!({ "gone": true }));
}

const BUTTONS: &str = r#"<div style="height:2000px"></div><button id=low>Low</button><button id=off disabled>Off</button>
    <div style="position:relative;width:100px;height:40px"><button id=under style="width:100px;height:40px">Under</button>
    <div id=veil class="veil dark" style="position:absolute;inset:0;background:#000">Secret words</div></div>
    <div style="position:relative;width:100px;height:40px"><button id=half style="width:100px;height:40px">Half</button>
    <div style="position:absolute;left:40px;top:0;width:30px;height:40px;background:#000"></div></div>
    <button id=rich><span id=inner>Rich <b>text</b></span></button><label for=agree id=text>I agree</label><input type=checkbox id=agree style="opacity:0;position:absolute;pointer-events:none">
    <iframe id=frame src=/0 style="margin:30px"></iframe>"#;

#[tokio::test]
async fn a_point_is_where_a_person_would_press() {
    let stage = Stage::with(BUTTONS, &["<div style='height:600px'></div><button id=framed>Framed</button>"]).await;
    let story = stage.look().await;
    let within = |point: &serde_json::Value, edges: [usize; 4]| {
        let (x, y) = (point["x"].as_f64().unwrap_or(-1.0), point["y"].as_f64().unwrap_or(-1.0));
        let [left, top, right, bottom] = edges.map(|edge| edge as f64);
        x >= left && x <= right + 1.0 && y >= top && y <= bottom + 1.0
    };
    for id in ["low", "half", "rich"] {
        let point = stage.point(mark(&story, id)).await;
        assert!(within(&point, stage.place(id).await), "{id}: {point}");
    }
    assert_eq!(stage.point(mark(&story, "under")).await, json!({ "covered": "div#veil.veil.dark" }));
    assert_eq!(stage.point(mark(&story, "off")).await, json!({ "disabled": true }));
    let point = stage.point(mark(&story, "agree")).await;
    assert!(seen(&story, "agree") && within(&point, stage.place("text").await), "by its label: {point}");
    let point = stage.point(mark(&story, "framed")).await;
    let inside = stage.place("frame").await;
    let script = "const b = frame.contentDocument.getElementById('framed').getBoundingClientRect(), f = frame.getBoundingClientRect(); \
                  return [f.left + frame.clientLeft + b.left + b.width / 2, f.top + frame.clientTop + b.top + b.height / 2]";
    let expected = stage.page(script).await;
    assert!(within(&point, inside), "{point} {inside:?}");
    assert_eq!((point["x"].as_f64(), point["y"].as_f64()), (expected[0].as_f64(), expected[1].as_f64()));
    stage.page("veil.remove(); window.pressed = []; addEventListener('click', (e) => pressed.push(e.target.id))").await;
    assert!(stage.point(mark(&story, "under")).await["x"].is_number());
    assert_eq!(stage.act("click", mark(&story, "under"), "").await, "ok");
    assert_eq!(stage.act("click", mark(&story, "off"), "").await, "disabled");
    assert_eq!(stage.page("return pressed").await, json!(["under"]));
    assert_eq!(stage.act("nonsense", mark(&story, "low"), "").await, "unknown");
}
