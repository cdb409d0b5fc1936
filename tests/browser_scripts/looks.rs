//! What is seen, and when.

use super::stage::{Stage, html, mark, seen, tag};

const VALUES: &str = r#"<form><input id=typed><input id=secret type=password value=INITIAL><input type=hidden id=token value=HIDDEN>
    <textarea id=area>AREA</textarea><input id=empty><div id=free contenteditable>FREE</div>
    <input id=tick type=checkbox value=yes><button id=go value=send nonce=NONCE onclick="ONCLICK()" style="color:STYLE">Go &amp; &lt;see&gt;</button>
    <input type=submit id=send value="Sign in"><select id=list><option value=a>A<option value=b>B</select>
    <fieldset disabled><input id=off></fieldset><a id=link href="javascript:1" data-authprobe="7777777" data-authprobe-hidden>x</a></form>
    <meta name=csrf content=META><script>var SCRIPT = 1</script><style>.STYLESHEET{}</style><template><i>TEMPLATE</i></template><noscript>NOSCRIPT</noscript>
    <svg id=drawing><title>DRAWING</title></svg><iframe id=inline srcdoc="<p>Within SRC"></iframe>"#;

#[tokio::test]
async fn values_and_code_never_enter_a_snapshot() {
    let mut stage = Stage::of(VALUES).await;
    stage.page("typed.value = 'TYPED'; secret.value = 'PASSWORD'; tick.checked = true; list.value = 'b'").await;
    for mingled in [false, true] {
        if mingled {
            stage.mingle();
        }
        let story = stage.look().await;
        let told = story.to_string();
        for secret in [
            "TYPED",
            "PASSWORD",
            "INITIAL",
            "HIDDEN",
            "AREA",
            "FREE",
            "NONCE",
            "ONCLICK",
            "STYLE",
            "META",
            "SCRIPT",
            "STYLESHEET",
            "TEMPLATE",
            "NOSCRIPT",
            "DRAWING",
            "SRCDOC",
            "7777777",
        ] {
            assert!(!told.contains(secret), "{secret}: {told}");
        }
        for id in ["typed", "secret", "token", "area"] {
            assert!(tag(&story, id).contains(" value=\"•\""), "{}", tag(&story, id));
        }
        assert!(!tag(&story, "empty").contains("value"));
        assert!(tag(&story, "tick").contains(" value=\"yes\" checked"), "{}", tag(&story, "tick"));
        assert!(tag(&story, "off").contains(" disabled") && !tag(&story, "typed").contains("disabled"));
        assert!(tag(&story, "send").contains(" value=\"Sign in\"") && !seen(&story, "token") && seen(&story, "link"));
        let html = html(&story);
        assert!(
            html.contains("Go &amp; &lt;see&gt;</button>") && html.contains("<option value=\"b\" selected"),
            "{html}"
        );
        assert!(html.contains("Within SRC"), "a frame of the page's own: {html}");
        assert_eq!((story["title"].as_str(), story["ready"].as_str()), (Some("Stage"), Some("complete")));
        assert_eq!(story["url"], stage.url);
        assert_eq!(story["timing"]["status"], 200);
        assert!(story["timing"]["ttfb"].as_f64().unwrap() > 0.0 && story["timing"]["domReady"].as_f64().unwrap() > 0.0);
    }
}

const SIGHTS: &str = r#"<style>.later{opacity:0}.box{overflow:hidden;width:50px;height:30px}.sr{position:absolute;width:1px;height:1px;overflow:hidden}</style>
    <input id=plain><input id=none style="display:none"><div style="visibility:hidden"><input id=invisible><input id=back style="visibility:visible"></div>
    <input id=clear class=later><input id=far style="position:absolute;left:-5000px"><div class=box style="height:0"><input id=folded></div>
    <div class=box><div style="width:200px"><input id=slid style="margin-left:120px"></div></div><div inert><input id=inert></div>
    <span class=sr><b id=spoken>For screen readers</b></span><input id=tiny style="width:1px;height:1px;padding:0;border:0">
    <div style="height:0"><input id=overflowing></div><div style="display:contents"><p id=within>Contents</p><span id=direct style="display:contents">Direct</span></div>
    <label for=styled id=box>Terms</label><input id=styled type=checkbox style="opacity:0;position:absolute">
    <details><summary>More</summary><input id=detail></details>
    <div style="height:60px;overflow:hidden"><div style="height:60px;overflow:auto"><div style="height:300px"></div><input id=below></div></div>
    <div style="height:3000px"></div><input id=bottom><p class=hidden id=named>A class says nothing</p>"#;

#[tokio::test]
async fn only_what_a_person_sees_is_seen() {
    let stage = Stage::of(SIGHTS).await;
    let story = stage.look().await;
    for id in ["plain", "back", "overflowing", "within", "direct", "styled", "box", "below", "bottom", "named"] {
        assert!(seen(&story, id), "{id}: {}", tag(&story, id));
    }
    for id in ["none", "invisible", "clear", "far", "folded", "slid", "inert", "spoken", "tiny", "detail"] {
        assert!(!seen(&story, id), "{id}: {}", tag(&story, id));
    }
    let html = html(&story);
    assert!(html.contains("Direct") && html.contains("Contents") && !html.contains("screen readers"), "{html}");
    let opened = stage.page("document.querySelector('details').open = true; plain.className = 'later'").await;
    assert!(opened.is_null());
    let story = stage.look_after(&story).await;
    assert!(seen(&story, "detail") && !seen(&story, "plain"));
}

const ROOTS: &str = r#"<x-login id=host><span slot=note id=note>Note</span></x-login><x-late id=late></x-late><iframe id=frame src=/0></iframe><iframe id=foreign src="http://localhost:1/x?y"></iframe>
    <script>
      document.querySelector('x-login').attachShadow({mode: 'open'}).innerHTML = '<label>User<input id=deep></label><slot name=note></slot>';
    </script>"#;

#[tokio::test]
async fn shadow_roots_and_frames_are_seen_through() {
    let stage = Stage::with(ROOTS, &["<h1 id=title>In the frame</h1><input id=framed><div id=more></div>"]).await;
    let story = stage.look().await;
    for id in ["deep", "note", "framed", "title"] {
        assert!(seen(&story, id), "{id}");
    }
    let html = html(&story);
    assert!(html.contains("data-authprobe-frame") && html.find("id=\"deep\"") < html.find("id=\"note\""), "{html}");
    assert!(tag(&story, "foreign").contains("src=\"http://localhost:1/x?y\"") && html.contains("</iframe>"));
    // What happens in there is noticed, even a root of which no event tells.
    for (script, id) in [
        (
            "host.shadowRoot.firstChild.append(Object.assign(document.createElement('b'), {id: 'b1', textContent: 'x'}))",
            "b1",
        ),
        ("frame.contentDocument.getElementById('more').innerHTML = '<input id=b2>'", "b2"),
        ("late.attachShadow({mode: 'open'}).innerHTML = '<input id=b3>'", "b3"),
    ] {
        let before = stage.look().await;
        let story = stage.look_after(&before);
        let ((), story) = tokio::join!(async { drop(stage.page(script).await) }, story);
        assert!(seen(&story, id), "{id}");
    }
    let story = stage.look().await;
    assert_eq!(stage.act("fill", mark(&story, "framed"), "alice").await, "ok");
    assert_eq!(stage.act("fill", mark(&story, "deep"), "bob").await, "ok");
    let values =
        "return frame.contentDocument.getElementById('framed').value + host.shadowRoot.querySelector('input').value";
    assert_eq!(stage.page(values).await, "alicebob");
}

#[tokio::test]
async fn a_look_waits_for_what_is_new() {
    let stage = Stage::of(r#"<p id=p>One</p><input id=field><input id=other>"#).await;
    let story = stage.look().await;
    let after = story["generation"].as_u64().unwrap();
    assert_eq!(stage.look_within(after, 100).await, None);
    // What changes nothing that is seen is nothing new.
    stage.page("p.style.color = 'red'; p.setAttribute('onclick', 'x()'); p.firstChild.data = 'One'").await;
    assert_eq!(stage.look_within(after, 300).await, None);
    stage.page("setTimeout(() => { p.textContent = 'Two' }, 300)").await;
    let later = stage.look_after(&story).await;
    assert!(later["generation"].as_u64().unwrap() > after && html(&later).contains("Two"));
    assert_eq!(
        (mark(&later, "field"), &later["document"]),
        (mark(&story, "field"), &story["document"]),
        "the same elements"
    );
    // Typing is seen, and so is a class that a style sheet gives a meaning.
    assert_eq!(stage.act("fill", mark(&story, "field"), "x").await, "ok");
    let later = stage.look_after(&later).await;
    assert!(tag(&later, "field").contains("value=\"•\""));
    assert_eq!(later["focused"], mark(&later, "field"));
    stage.page("setInterval(() => { p.style.left = Math.random() + 'px' }, 1); setTimeout(() => { field.disabled = true }, 200)").await;
    assert!(tag(&stage.look_after(&later).await, "field").contains(" disabled"), "in all that restlessness");
    // A page without end is cut.
    stage.page("for (let n = 0; n < 16000; n++) document.body.append(document.createElement('i'))").await;
    let story = stage.look().await;
    assert_eq!((&story["cut"], html(&story).ends_with("</body></html>")), (&serde_json::json!(true), true));
    stage.page("document.body.innerHTML = ('<p>' + 'word '.repeat(600)).repeat(400)").await;
    let story = stage.look().await;
    let size = html(&story).len();
    assert!(story["cut"] == true && size > 500_000 && size < (512 << 10) + 20_000, "{size}");
}

#[tokio::test]
async fn scripts_of_the_page_come_first_unless_they_never_come() {
    let pages = ["<p>Page</p><script defer src=/late.js></script>", "<p>Page</p><script defer src=/never.js></script>"];
    let mut stage = Stage::with("", &pages).await;
    stage.leave_for("/0").await;
    let story = stage.look().await;
    assert!(html(&story).contains("In time"), "{}", html(&story));
    stage.leave_for("/1").await;
    let story = stage.look().await;
    assert_eq!((story["ready"].as_str(), html(&story).contains("Page")), (Some("interactive"), true));
}
