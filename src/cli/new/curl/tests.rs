use super::*;

fn asked(text: &str) -> Asked {
    read(text).unwrap_or_else(|words| panic!("{text}: {words}"))
}

fn text(body: &str) -> AskedBody {
    AskedBody::Text(body.to_owned())
}

#[test]
fn the_method_is_that_of_curl() {
    for (command, method) in [
        ("curl x.example", "GET"),
        ("curl -XPUT x.example", "PUT"),
        ("curl --request=delete x.example", "DELETE"),
        ("curl -d a=b x.example", "POST"),
        ("curl --json '{}' x.example", "POST"),
        ("curl -F a=b x.example", "POST"),
        ("curl -I x.example", "HEAD"),
        ("curl -sSL -G -d a=b x.example", "GET"),
    ] {
        assert_eq!(asked(command).method, method, "{command}");
    }
}

#[test]
fn options_may_be_combined_and_have_their_value_attached() {
    let asked = asked(
        "$ A=b /usr/bin/curl -sSLk -H'X-A: 1' --header=X-B:2 -H 'X-C;' -H 'X-D:' -odir/x -w '%{http_code}' -- https://u:p@x.example/a#top | jq .",
    );
    assert_eq!(asked.url.as_str(), "https://x.example/a");
    assert_eq!(asked.user.as_deref(), Some("u:p"));
    let headers = [("X-A", "1"), ("X-B", "2"), ("X-C", "")];
    assert_eq!(
        asked.headers,
        headers.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(
        asked.notes,
        [
            "left out: `-k`, a setting of the resource file",
            "left out: `| jq .`"
        ]
    );
}

#[test]
fn data_is_joined_and_encoded() {
    let joined = asked("curl x.example -d a=1 --data-urlencode 'b=x y&z' --data-urlencode '=c d'");
    assert_eq!(joined.body, Some(text("a=1&b=x%20y%26z&c%20d")));
    let moved = asked("curl -G x.example/?z=0 -d a=1 -d b=2");
    assert_eq!((moved.url.query(), moved.body), (Some("z=0&a=1&b=2"), None));
    let raw = asked("curl x.example --data-raw '@not a file'");
    assert_eq!(raw.body, Some(text("@not a file")));
    let file = asked("curl x.example --data-binary @report.json");
    assert_eq!(file.body, Some(AskedBody::File("report.json".to_owned())));
    let json = asked("curl x.example --json '{\"a\":1}'");
    assert_eq!(json.header("content-type"), Some("application/json"));
    let form = asked(
        "curl x.example -F a=b -F 'f=@x.png;type=image/png;filename=y.png' --form-string c=@d",
    );
    let Some(AskedBody::Multipart(parts)) = form.body else {
        panic!("{form:?}");
    };
    assert_eq!(parts.len(), 3);
    assert_eq!(
        parts[1].1,
        AskedPart::File {
            path: "x.png".to_owned(),
            content_type: Some("image/png".to_owned()),
            file_name: Some("y.png".to_owned()),
        }
    );
}

#[test]
fn what_is_not_understood_is_named() {
    for (command, part) in [
        ("wget x", "begins with `curl`, got `wget`"),
        ("fetch('https://x')", "Copy as cURL"),
        ("", "no command"),
        ("curl", "no address"),
        ("curl a.example b.example", "several addresses"),
        (
            "curl --headers 'a: b' x.example",
            "`--headers` of curl is not understood; did you mean `--header`?",
        ),
        ("curl -Z x.example", "`-Z` of curl is not understood"),
        ("curl x.example -H", "`-H` has no value"),
        ("curl x.example -H abc", "no colon"),
        ("curl x.example -d @-", "standard input"),
        ("curl ftp://x.example", "only HTTP"),
        ("curl x.example --data-urlencode a@b", "with a file"),
        ("curl 'x.example", "not closed"),
    ] {
        let words = read(command).expect_err(command);
        assert!(words.contains(part), "{command}: {words}");
    }
}
