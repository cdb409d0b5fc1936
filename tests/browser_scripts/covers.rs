//! What a masked screenshot does not show.

use super::stage::Stage;

const PAGE: &str = r#"<style>* { transition: all 2s !important } input { font: 20px sans-serif; width: 200px }</style>
    <h1 id=heading>A page</h1><input id=field value="typed"><textarea id=area>typed too</textarea><p id=hello>Hello, Alice of Wonderland</p>
    <p><span id=split><i>ali</i><i>ce</i>@example.com</span></p><p id=other>Something else</p><button id=go>Sign in</button>
    <style>#drawn::after { content: attr(data-user) }</style><p id=drawn data-user="alice"></p><canvas id=canvas width=60 height=30></canvas>
    <x-field id=host></x-field><iframe id=frame src=/0 width=300 height=80></iframe><dialog id=dialog style="margin-top:400px"><input id=modal value="in a dialog"></dialog>
    <script>
      dialog.showModal();
      host.attachShadow({mode: 'open'}).innerHTML = '<input id=deep value="in the shade">';
      const c = canvas.getContext('2d'); c.fillRect(10, 5, 20, 10);
    </script>"#;

const INPUTS: [&str; 7] =
    ["field", "area", "modal", "canvas", "host.shadowRoot.querySelector('input')", "hello", "split"];

#[tokio::test]
async fn nothing_that_was_typed_is_on_a_covered_picture() {
    let stage = Stage::with(PAGE, &["<p id=words>Framed alice</p><input id=framed value=framed>"]).await;
    let before = stage.picture().await;
    // An empty attribute may stay where one was set and removed.
    let markup = "return document.documentElement.outerHTML.replaceAll(' style=\"\"', '')";
    let untouched = stage.page(markup).await;
    for what in INPUTS.into_iter().chain(["drawn", "other"]) {
        assert!(before.colours(stage.place(what).await) > 1, "{what} shows something");
    }
    assert_eq!(stage.act("cover", 0, r#"["Alice", ""]"#).await, "ok");
    let covered = stage.picture().await;
    for what in INPUTS.into_iter().chain(["drawn"]) {
        assert_eq!(covered.colours(stage.place(what).await), 1, "{what}");
    }
    let [left, top, ..] = stage.place("frame").await;
    for (id, offset) in [("words", 2), ("framed", 2)] {
        let script = format!("frame.contentDocument.getElementById('{id}')");
        let [l, t, r, b] = stage.place(&script).await;
        let place = [left + offset + l, top + offset + t, left + offset + r, top + offset + b];
        assert!(before.colours(place) > 1, "{id} shows something");
        assert_eq!(covered.colours(place), 1, "{id}");
    }
    for what in ["heading", "other", "go"] {
        assert!(covered.colours(stage.place(what).await) > 1, "{what} is still there");
    }
    // The page moves after it was covered: what was typed stays hidden.
    stage.page("document.body.style.paddingTop = '57px'; document.body.style.transition = 'none'; dialog.style.marginTop = '333px'").await;
    let moved = stage.picture().await;
    let [left, top, right, bottom] = stage.place("modal").await;
    assert!(moved.colours([left + 4, top + 4, right - 4, bottom - 4]) <= 2, "box or paper, no letters");
    stage.page("document.body.removeAttribute('style'); dialog.setAttribute('style', 'margin-top:400px')").await;
    assert_eq!(stage.act("uncover", 0, "").await, "ok");
    assert_eq!(stage.page(markup).await, untouched);
}

#[tokio::test]
async fn a_page_that_was_never_looked_at_can_be_covered() {
    let stage = Stage::of("<input id=a value=typed style='color: red'>").await;
    assert_eq!(stage.act("uncover", 0, "").await, "ok");
    assert_eq!(stage.act("cover", 0, "[]").await, "ok");
    assert_eq!(stage.picture().await.colours(stage.place("a").await), 1);
    assert_eq!(stage.act("cover", 0, "no JSON").await, "failed: SyntaxError");
    assert_eq!(stage.act("uncover", 0, "").await, "ok");
    assert_eq!(stage.page("return a.getAttribute('style')").await, "color: red");
}
