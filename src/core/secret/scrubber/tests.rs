use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::json;

fn scrubber(secrets: &[&str]) -> Scrubber {
    let scrubber = Scrubber::new();
    for secret in secrets {
        scrubber.add(&Secret::new(*secret));
    }
    scrubber
}

#[test]
fn every_encoding_of_a_secret_is_masked() {
    let scrubber = scrubber(&["ca/na ry\"1'x"]);
    for form in [
        "ca/na ry\"1'x",
        "ca%2Fna%20ry%221%27x",
        "ca%2Fna+ry%221%27x",
        "ca%2fna%20ry%221%27x",
        "ca/na%20ry%221%27x",
        "ca%252Fna%2520ry%25221%2527x",
        "ca%252fna%2520ry%25221%2527x",
        "ca/na ry\\\"1'x",
        "ca\\/na ry\\\"1'x",
        "ca/na ry\\\\\\\"1'x",
        "ca/na ry&quot;1&#39;x",
        "ca/na ry&quot;1&#x27;x",
        "ca/na ry&#34;1&#39;x",
        "ca/na ry&#34;1&apos;x",
        "ca/na ry&#x22;1&#x27;x",
        "ca&#x2f;na ry&quot;1&#x27;x",
        &STANDARD.encode("ca/na ry\"1'x:"),
        &STANDARD.encode("ca/na ry\"1'x"),
        &URL_SAFE.encode("ca/na ry\"1'x"),
    ] {
        assert_eq!(scrubber.text(&format!("a {form} b")), "a *** b", "{form}");
    }
}

#[test]
fn a_secret_is_masked_however_much_of_it_is_percent_encoded() {
    let scrubber = scrubber(&["K7/b+P$x!(y) z's&\"\u{e9}%41"]);
    for form in [
        // JavaScript's encodeURIComponent and encodeURI, once and twice.
        "K7%2Fb%2BP%24x!(y)%20z's%26%22%C3%A9%2541",
        "K7/b+P$x!(y)%20z's&%22%C3%A9%2541",
        "K7%252Fb%252BP%2524x!(y)%2520z's%2526%2522%25C3%25A9%252541",
        "K7/b+P$x!(y)%2520z's&%2522%25C3%25A9%252541",
        // Python's quote, once and twice, and inside one more URL.
        "K7/b%2BP%24x%21%28y%29%20z%27s%26%22%C3%A9%2541",
        "K7/b%252BP%2524x%2521%2528y%2529%2520z%2527s%2526%2522%25C3%25A9%252541",
        "K7%2Fb%25252BP%252524x%252521%252528y%252529%252520z%252527s%252526%252522%2525C3%2525A9%25252541",
        // A form, lower-case digits, and HTML around a URL.
        "K7%2Fb%2BP%24x%21%28y%29+z%27s%26%22%C3%A9%2541",
        "K7%2fb%2bP%24x!(y)%20z's%26%22%c3%a9%2541",
        "K7%2Fb%2BP%24x!(y)%20z&#39;s%26%22%C3%A9%2541",
        "K7/b+P$x!(y)%20z&#x27;s&amp;%22%C3%A9%2541",
        "K7&#x2F;b&#43;P&#x24;x!(y) z&apos;s&amp;&quot;&#233;%41",
        "K7/b+P$x!(y) z&amp;#39;s&amp;amp;&amp;quot;\u{e9}%41",
    ] {
        assert_eq!(
            scrubber.text(&format!("a%20{form}%zz")),
            "a%20***%zz",
            "{form}"
        );
        assert!(scrubber.finds(form.as_bytes()), "{form}");
    }
    // Text that only resembles it is kept.
    for other in ["K7%2Fb%2BP%24x", "K7%2Gb", "100%", "a%2Fb%2Bc"] {
        assert_eq!(scrubber.text(other), other);
    }
}

#[test]
fn an_escaped_secret_is_masked_wherever_it_stands_in_a_long_text() {
    let scrubber = scrubber(&["ca/na ry"]);
    for before in [PIECE - 20, PIECE - 1, PIECE, 2 * PIECE + 3] {
        let text = format!("{}%252Fca%252Fna%2520ry&amp;", "x".repeat(before));
        let clean = format!("{}%252F***&amp;", "x".repeat(before));
        assert!(scrubber.text(&text) == clean, "{before}");
        assert!(scrubber.finds(text.as_bytes()), "{before}");
    }
}

#[test]
fn base64_that_is_percent_encoded_is_masked() {
    let secret = "canary?>~4f9a\u{ff}81c7";
    let scrubber = scrubber(&[secret]);
    let encoded = STANDARD.encode(secret);
    assert!(encoded.contains('/') && encoded.ends_with('='), "{encoded}");
    for form in [
        encoded
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D"),
        encoded.replace('=', "%3d"),
        encoded
            .replace('/', "%252F")
            .replace('+', "%252B")
            .replace('=', "%253D"),
    ] {
        assert_eq!(scrubber.text(&format!("?auth={form}&x=1")), "?auth=***&x=1");
    }
}

#[test]
fn base64_around_a_secret_leaves_nothing_of_it() {
    let secret = "canary/4f9a+81c7";
    let scrubber = scrubber(&[secret]);
    for before in ["", "a", "ab", "abc"] {
        let encoded = STANDARD.encode(format!("{before}{secret}{before}"));
        let shown = scrubber.text(&encoded).into_owned();
        let (start, end) = shown.split_once("***").expect("it is masked");
        assert!(start.len() <= 5 && end.len() <= 7, "{encoded}: {shown}");
    }
}

#[test]
fn a_secret_inside_another_one_leaves_nothing_of_it() {
    for secrets in [["hunter", "hunter-two"], ["hunter-two", "hunter"]] {
        assert_eq!(scrubber(&secrets).text("a hunter-two b"), "a *** b");
    }
    // In the middle, too, where the search finds the inner one first: it ends first.
    let known = scrubber(&["hunter", "one-hunter-two"]);
    assert_eq!(known.text("a one-hunter-two b"), "a *** b");
    // Also for values added after the first search.
    let known = scrubber(&["hunter"]);
    assert_eq!(known.text("hunter-two"), "***-two");
    known.add(&Secret::new("hunter-two"));
    assert_eq!(known.text("hunter-two, hunter"), "***, ***");
}

#[test]
fn secrets_that_overlap_are_cut_out_as_one() {
    let known = scrubber(&["abcdef", "defghijk"]);
    assert_eq!(known.text("x abcdefghijk x"), "x *** x");
    assert_eq!(known.text("x abcdefdefghijk x"), "x ****** x");
}

#[test]
fn thousands_of_secrets_are_found() {
    let known = Scrubber::new();
    for number in 0..200 {
        let secret = format!("secret-{number:05}-x");
        known.add(&Secret::new(secret.as_str()));
        assert_eq!(known.text(&secret), MASK);
    }
    assert_eq!(known.text("a secret-00042-x b"), "a *** b");
    assert!(known.known().sets.len() < 9);
}

#[test]
fn json_is_scrubbed_in_values_keys_and_numbers() {
    let mut value = json!({"x123456": ["123456", 123_456, 1, 1_234_567]});
    scrubber(&["123456"]).json(&mut value);
    assert_eq!(value, json!({"x***": ["***", "***", 1, 1_234_567]}));
}

#[test]
fn json_that_may_hold_a_secret_is_recognized_by_its_bytes() {
    let known = scrubber(&["canary"]);
    for (json, may) in [
        (r#"{"a": "canary"}"#, true),
        (r#"{"a": "c\u0061nary"}"#, true),
        (r#"{"a": "a\/b"}"#, true),
        (r#"{"a": "caf\u00e9 \n \" \ud83d\ude00"}"#, false),
        (r#"{"a": "Canary"}"#, false),
        (r#"{"a": "\u"#, false),
    ] {
        assert_eq!(known.may_stand_in_json(json.as_bytes()), may, "{json}");
    }
    let nothing = Scrubber::new();
    assert!(!nothing.may_stand_in_json(br#"{"a": "\/"}"#));
}

#[test]
fn a_short_secret_does_not_blot_out_words() {
    assert_eq!(scrubber(&["1"]).text("1 of 10"), "1 of 10");
    assert_eq!(scrubber(&["pass1"]).text("cGFz cHBh"), "cGFz cHBh");
}

#[test]
fn bytes_that_are_not_text_are_scrubbed_too() {
    let bytes = [b"\xff".as_slice(), b"canary", b"\xfe"].concat();
    let known = scrubber(&["canary"]);
    assert_eq!(known.bytes(&bytes).as_ref(), b"\xff***\xfe");
    assert!(!format!("{known:?}").contains("canary"));
}
