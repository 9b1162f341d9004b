//! Tests of the whole module: a path in, nodes or an error out.

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Selector, SelectorError};

fn select(path: &str, document: &Value) -> Value {
    let selector = Selector::parse(path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
    assert_eq!(selector.source(), path);
    let nodes = selector.select(document);
    assert_eq!(selector.first(document), nodes.first().copied(), "{path}");
    if selector.is_singular() {
        assert!(nodes.len() < 2, "{path}");
    }
    nodes.into_iter().cloned().collect()
}

fn refused(path: &str) -> SelectorError {
    let Err(error) = Selector::parse(path) else {
        panic!("{path} was accepted")
    };
    assert!(path.get(error.range.clone()).is_some(), "{path}: {error:?}");
    assert_eq!(error.range.is_empty(), path.is_empty(), "{path}: {error:?}");
    assert!(!error.message.is_empty());
    let proposal = error
        .help
        .as_deref()
        .and_then(|help| help.strip_prefix("write `"));
    if let Some(proposal) = proposal {
        Selector::parse(&proposal[..proposal.len() - 1]).expect("a proposed path parses");
    }
    error
}

const INVALID: &str = "invalid";

/// Cases of the official compliance suite (jsonpath-standard/jsonpath-compliance-test-suite, BSD-2):
/// name, selector, document, result. Those that `jsonpath-rust` alone fails are all among them.
#[rustfmt::skip]
const COMPLIANCE: &[(&str, &str, &str, &str)] = &[
    ("basic, root", "$", r#"["first","second"]"#, r#"[["first","second"]]"#),
    ("basic, no leading whitespace", " $", "", INVALID),
    ("basic, no trailing whitespace", "$ ", "", INVALID),
    ("basic, name shorthand, extended unicode ☺", "$.☺", r#"{"☺":"A","b":"B"}"#, r#"["A"]"#),
    ("basic, name shorthand, symbol", "$.&", "", INVALID),
    ("basic, name shorthand, number", "$.1", "", INVALID),
    ("basic, wildcard shorthand, object data", "$.*", r#"{"a":"A","b":"B"}"#, r#"["A","B"]"#),
    ("basic, multiple selectors, space instead of comma", "$[0 2]", "", INVALID),
    ("basic, selector, trailing comma", "$[0,]", "", INVALID),
    ("basic, multiple selectors, name and index, array data", "$['a',1]", "[0,1,2,3,4,5,6,7,8,9]", "[1]"),
    ("basic, multiple selectors, index and slice, overlapping", "$[1,0:3]", "[0,1,2,3,4,5,6,7,8,9]", "[1,0,1,2]"),
    ("basic, multiple selectors, duplicate index", "$[1,1]", "[0,1,2,3,4,5,6,7,8,9]", "[1,1]"),
    ("basic, multiple selectors, multiple wildcards", "$[*,*]", "[0,1,2]", "[0,1,2,0,1,2]"),
    ("basic, empty segment", "$[]", "", INVALID),
    ("basic, descendant segment, index", "$..[1]", r#"{"o":[0,1,[2,3]]}"#, "[1,3]"),
    ("basic, descendant segment, wildcard selector, nested arrays", "$..[*]", "[[[1]],[2]]", "[[[1]],[2],[1],1,2]"),
    ("basic, descendant segment, wildcard shorthand, nested data", "$..*", r#"{"o":[{"a":"b"}]}"#, r#"[[{"a":"b"}],{"a":"b"},"b"]"#),
    ("basic, descendant segment, multiple selectors", "$..['a','d']", r#"[{"a":"b","d":"e"},{"a":"c","d":"f"}]"#, r#"["b","e","c","f"]"#),
    ("basic, descendant segment, object traversal, multiple selectors", "$..['a','d']", r#"{"x":{"a":"b","d":"e"},"y":{"a":"c","d":"f"}}"#, r#"["b","e","c","f"]"#),
    ("basic, bald descendant segment", "$..", "", INVALID),
    ("basic, current node identifier without filter selector", "$[@.a]", "", INVALID),
    ("filter, existence, without segments", "$[?@]", r#"{"a":1,"b":null}"#, "[1,null]"),
    ("filter, existence, present with null", "$[?@.a]", r#"[{"a":null,"d":"e"},{"b":"c","d":"f"}]"#, r#"[{"a":null,"d":"e"}]"#),
    ("filter, equals null, absent from data", "$[?@.a==null]", r#"[{"d":"e"},{"a":"c","d":"f"}]"#, "[]"),
    ("filter, equals numeric string, single quotes", "$[?@.a=='1']", r#"[{"a":"1","d":"e"},{"a":1,"d":"f"}]"#, r#"[{"a":"1","d":"e"}]"#),
    ("filter, deep equality, arrays", "$[?@.a==@.b]", r#"[{"a":false,"b":[1,2]},{"a":[[1,[2]]],"b":[[1,[2]]]},{"a":[[1,[2]]],"b":[[[2],1]]},{"a":[[1,[2]]],"b":[[1,2]]}]"#, r#"[{"a":[[1,[2]]],"b":[[1,[2]]]}]"#),
    ("filter, deep equality, objects", "$[?@.a==@.b]", r#"[{"a":false,"b":{"x":1,"y":{"z":1}}},{"a":{"x":1,"y":{"z":1}},"b":{"x":1,"y":{"z":1}}},{"a":{"x":1,"y":{"z":1}},"b":{"y":{"z":1},"x":1}},{"a":{"x":1,"y":{"z":1}},"b":{"x":1}},{"a":{"x":1,"y":{"z":1}},"b":{"x":1,"y":{"z":2}}}]"#, r#"[{"a":{"x":1,"y":{"z":1}},"b":{"x":1,"y":{"z":1}}},{"a":{"x":1,"y":{"z":1}},"b":{"y":{"z":1},"x":1}}]"#),
    ("filter, not-equals null, absent from data", "$[?@.a!=null]", r#"[{"d":"e"},{"a":"c","d":"f"}]"#, r#"[{"d":"e"},{"a":"c","d":"f"}]"#),
    ("filter, less than null", "$[?@.a<null]", r#"[{"a":null,"d":"e"},{"a":"c","d":"f"}]"#, "[]"),
    ("filter, less than or equal to null", "$[?@.a<=null]", r#"[{"a":null,"d":"e"},{"a":"c","d":"f"}]"#, r#"[{"a":null,"d":"e"}]"#),
    ("filter, less than number", "$[?@.a<10]", r#"[{"a":1,"d":"e"},{"a":10,"d":"e"},{"a":"c","d":"f"},{"a":20,"d":"f"}]"#, r#"[{"a":1,"d":"e"}]"#),
    ("filter, exists and not-equals null, absent from data", "$[?@.a&&@.a!=null]", r#"[{"d":"e"},{"a":"c","d":"f"}]"#, r#"[{"a":"c","d":"f"}]"#),
    ("filter, and", "$[?@.a>0&&@.a<10]", r#"[{"a":-10,"d":"e"},{"a":5,"d":"f"},{"a":20,"d":"f"}]"#, r#"[{"a":5,"d":"f"}]"#),
    ("filter, or", "$[?@.a=='b'||@.a=='d']", r#"[{"a":"a","d":"e"},{"a":"b","d":"f"},{"a":"c","d":"f"},{"a":"d","d":"f"}]"#, r#"[{"a":"b","d":"f"},{"a":"d","d":"f"}]"#),
    ("filter, not expression", "$[?!(@.a=='b')]", r#"[{"a":"a","d":"e"},{"a":"b","d":"f"},{"a":"d","d":"f"}]"#, r#"[{"a":"a","d":"e"},{"a":"d","d":"f"}]"#),
    ("filter, not exists, data null", "$[?!@.a]", r#"[{"a":null,"d":"e"},{"d":"f"},{"a":"d","d":"f"}]"#, r#"[{"d":"f"}]"#),
    ("filter, non-singular existence, wildcard", "$[?@.*]", r#"[1,[],[2],{},{"a":3}]"#, r#"[[2],{"a":3}]"#),
    ("filter, non-singular query in comparison, slice", "$[?@[0:0]==0]", "", INVALID),
    ("filter, nested", "$[?@[?@>1]]", "[[0],[0,1],[0,1,2],[42]]", "[[0,1,2],[42]]"),
    ("filter, name segment on array, selects nothing", "$[?@['0'] == 5]", "[[5,6]]", "[]"),
    ("filter, index segment on object, selects nothing", "$[?@[0] == 5]", r#"[{"0":5}]"#, "[]"),
    ("filter, absolute existence, without segments", "$[?$]", r#"{"a":1,"b":null}"#, "[1,null]"),
    ("filter, absolute non-singular query, wildcard, equal", "$[?($.*==42)]", "", INVALID),
    ("filter, multiple selectors, filter and slice", "$[?@.a,1:]", r#"[{"a":"b","d":"e"},{"b":"c","d":"f"},{"g":"h"}]"#, r#"[{"a":"b","d":"e"},{"b":"c","d":"f"},{"g":"h"}]"#),
    ("filter, equals number, negative zero and zero", "$[?@.a==-0]", r#"[{"a":0,"d":"e"},{"a":0.1,"d":"f"},{"a":"0","d":"g"}]"#, r#"[{"a":0,"d":"e"}]"#),
    ("filter, equals number, with and without decimal fraction", "$[?@.a==1.0]", r#"[{"a":1,"d":"e"},{"a":2,"d":"f"},{"a":"1","d":"g"}]"#, r#"[{"a":1,"d":"e"}]"#),
    ("filter, equals number, exponent leading -0", "$[?@.a==1e-02]", r#"[{"a":0.01,"d":"e"},{"a":0.02,"d":"f"},{"a":"0.01","d":"g"}]"#, r#"[{"a":0.01,"d":"e"}]"#),
    ("filter, equals number, invalid minus space", "$[?@.a==- 1]", "", INVALID),
    ("filter, equals number, invalid leading 0", "$[?@.a==01]", "", INVALID),
    ("filter, equals number, invalid no fractional digit", "$[?@.a==1.]", "", INVALID),
    ("filter, and binds more tightly than or", "$[?@.a || @.b && @.c]", r#"[{"a":1},{"b":2,"c":3},{"c":3},{"b":2},{"a":1,"b":2,"c":3}]"#, r#"[{"a":1},{"b":2,"c":3},{"a":1,"b":2,"c":3}]"#),
    ("filter, literal true must be compared", "$[?true]", "", INVALID),
    ("filter, true, incorrectly capitalized", "$[?@==True]", "", INVALID),
    ("filter, equals, special nothing", "$.values[?length(@.a) == value($..c)]", r#"{"c":"cd","values":[{"a":"ab"},{"c":"d"},{"a":null}]}"#, r#"[{"c":"d"},{"a":null}]"#),
    ("filter, equals, empty node list and empty node list", "$[?@.a == @.b]", r#"[{"a":1},{"b":2},{"c":3}]"#, r#"[{"c":3}]"#),
    ("filter, equals, empty node list and special nothing", "$[?@.a == length(@.b)]", r#"[{"a":1},{"b":2},{"c":3}]"#, r#"[{"b":2},{"c":3}]"#),
    ("filter, object data", "$[?@<3]", r#"{"a":1,"b":2,"c":3}"#, "[1,2]"),
    ("filter, group terms, left", "$[?(@.a || @.b) && @.c]", r#"[{"a":1,"b":2},{"a":1,"c":3},{"b":2,"c":3},{"a":1},{"b":2},{"c":3},{"a":1,"b":2,"c":3}]"#, r#"[{"a":1,"c":3},{"b":2,"c":3},{"a":1,"b":2,"c":3}]"#),
    ("index selector, negative", "$[-1]", r#"["first","second"]"#, r#"["second"]"#),
    ("index selector, out of bound", "$[2]", r#"["first","second"]"#, "[]"),
    ("index selector, max exact index + 1", "$[9007199254740992]", "", INVALID),
    ("index selector, -0", "$[-0]", "", INVALID),
    ("name selector, double quotes, embedded U+0020", r#"$[" "]"#, r#"{" ":"A"}"#, r#"["A"]"#),
    ("name selector, double quotes, embedded U+0009", "$[\"\t\"]", "", INVALID),
    ("name selector, double quotes, surrogate pair 𝄞", r#"$["\uD834\uDD1E"]"#, r#"{"𝄞":"A"}"#, r#"["A"]"#),
    ("name selector, double quotes, single high surrogate", r#"$["\uD800"]"#, "", INVALID),
    ("name selector, double quotes, invalid escaped single quote", r#"$["\'"]"#, "", INVALID),
    ("name selector, single quotes, escaped single quote", r"$['\'']", r#"{"'":"A"}"#, r#"["A"]"#),
    ("name selector, single quotes, embedded single quote", "$[''']", "", INVALID),
    ("slice selector, slice selector with step", "$[1:6:2]", "[0,1,2,3,4,5,6,7,8,9]", "[1,3,5]"),
    ("slice selector, negative step with default start", "$[:0:-1]", "[0,1,2,3]", "[3,2,1]"),
    ("slice selector, negative range with negative step", "$[-1:-3:-1]", "[0,1,2,3,4,5,6,7,8,9]", "[9,8]"),
    ("slice selector, larger negative range with larger negative step", "$[-1:-7:-2]", "[0,1,2,3,4,5,6,7,8,9]", "[9,7,5]"),
    ("slice selector, excessively large from value with negative step", "$[113667776004:0:-1]", "[0,1,2,3,4,5,6,7,8,9]", "[9,8,7,6,5,4,3,2,1]"),
    ("slice selector, zero step", "$[1:2:0]", "[0,1,2,3,4,5,6,7,8,9]", "[]"),
    ("slice selector, too many colons", "$[1:2:3:4]", "", INVALID),
    ("functions, count, count function", "$[?count(@..*)>2]", r#"[{"a":[1,2,3]},{"a":[1],"d":"f"},{"a":1,"d":"f"}]"#, r#"[{"a":[1,2,3]},{"a":[1],"d":"f"}]"#),
    ("functions, count, multiple-selector arg", "$[?count(@['a','d'])>1]", r#"[{"a":[1,2,3]},{"a":[1],"d":"f"},{"a":1,"d":"f"}]"#, r#"[{"a":[1],"d":"f"},{"a":1,"d":"f"}]"#),
    ("functions, count, non-query arg, number", "$[?count(1)>2]", "", INVALID),
    ("functions, count, result must be compared", "$[?count(@..*)]", "", INVALID),
    ("functions, count, too many params", "$[?count(@.a,@.b)==1]", "", INVALID),
    ("functions, length, string data, unicode", "$[?length(@)==2]", r#"["☺","☺☺","☺☺☺","ж","жж","жжж","磨","阿美","形声字"]"#, r#"["☺☺","жж","阿美"]"#),
    ("functions, length, number arg", "$[?length(1)>=2]", r#"[{"d":"f"}]"#, "[]"),
    ("functions, length, result must be compared", "$[?length(@.a)]", "", INVALID),
    ("functions, length, non-singular query arg", "$[?length(@.*)<3]", "", INVALID),
    ("functions, length, non-singular query arg, multiple index selectors", "$[?length(@[1, 2])<3]", "", INVALID),
    ("functions, length, non-singular query arg, multiple name selectors", "$[?length(@['a', 'b'])<3]", "", INVALID),
    ("functions, length, arg is a function expression", "$.values[?length(@.a)==length(value($..c))]", r#"{"c":"cd","values":[{"a":"ab"},{"a":"d"}]}"#, r#"[{"a":"ab"}]"#),
    ("functions, arguments, type mismatch, value type and logical type", "$[?length(@.a==@.b)>2]", "", INVALID),
    ("functions, match, regex from the document", "$.values[?match(@, $.regex)]", r#"{"regex":"b.?b","values":["abc","bcd","bab","bba","bbab","b",true,[],{}]}"#, r#"["bab"]"#),
    ("functions, match, dot matcher on U+2028", "$[?match(@, '.')]", r#"[" ","\r","\n",true,[],{}]"#, r#"[" "]"#),
    ("functions, match, escaped left square bracket", r"$[?match(@, 'a\\[.c')]", r#"["abc","a.c","a[ c"]"#, r#"["a[ c"]"#),
    ("functions, match, explicit caret", "$[?match(@, '^ab.*')]", r#"["abc","axc","ab","xab"]"#, r#"["abc","ab"]"#),
    ("functions, match, non-string second arg", "$[?match(@.a, 1)]", r#"[{"a":"bc"}]"#, "[]"),
    ("functions, match, result cannot be compared", "$[?match(@.a, 'a.*')==true]", "", INVALID),
    ("functions, search, in the middle", "$[?search(@.a, 'a.*')]", r#"[{"a":"contains two matches"}]"#, r#"[{"a":"contains two matches"}]"#),
    ("functions, search, too few params", "$[?search(@.a)]", "", INVALID),
    ("functions, value, single-value nodelist", "$[?value(@.*)==4]", r#"[[4],{"foo":4},[5],{"foo":5},4]"#, r#"[[4],{"foo":4}]"#),
    ("functions, value, multi-value nodelist", "$[?value(@.*)==4]", r#"[[4,4],{"foo":4,"bar":4}]"#, "[]"),
    ("functions, value, result must be compared", "$[?value(@.a)]", "", INVALID),
    ("whitespace, functions, space between function name and parenthesis", "$[?count (@.*)==1]", "", INVALID),
    ("whitespace, functions, spaces in an absolute singular selector", "$..[?length(@)==length($ [0] .a)]", r#"[{"a":"foo"},{}]"#, r#"["foo"]"#),
    ("whitespace, operators, space between logical not and test expression", "$[?! @.a]", r#"[{"a":"a","d":"e"},{"d":"f"},{"a":"d","d":"f"}]"#, r#"[{"d":"f"}]"#),
    ("whitespace, selectors, space between dot and name", "$. a", "", INVALID),
    ("whitespace, selectors, space between recursive descent and name", "$.. a", "", INVALID),
    ("whitespace, selectors, newline between root and dot", "$\n.a", r#"{"a":"ab"}"#, r#"["ab"]"#),
    ("whitespace, selectors, space between root and bracket", "$ ['a']", r#"{"a":"ab"}"#, r#"["ab"]"#),
    ("whitespace, slice, space between colon and step", "$[1:5: 2]", "[1,2,3,4,5,6]", "[2,4]"),
];

#[test]
fn official_cases() {
    let mut failures = String::new();
    for (name, path, document, expected) in COMPLIANCE {
        let document = serde_json::from_str(document).unwrap_or_default();
        let got = match Selector::parse(path) {
            Ok(_) => select(path, &document).to_string(),
            Err(_) => INVALID.to_owned(),
        };
        if got != *expected {
            let _ = writeln!(failures, "{name}: {path} gave {got}, not {expected}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn several_names_stay_together() {
    let rows = json!({"items": [{"id": 1, "n": "foo"}, {"n": "bar", "id": 2}]});
    assert_eq!(
        select("$.items[*]['id','n']", &rows),
        json!([1, "foo", 2, "bar"])
    );
    assert_eq!(
        select("$.items[*]['n','id']", &rows),
        json!(["foo", 1, "bar", 2])
    );
    assert_eq!(select("$.items[0, ?@.id == 2].id", &rows), json!([1, 2]));
}

#[test]
fn singular_paths() {
    let document = json!({"a": [{"b": {"c d": [10, 20]}}], "0": "zero", "n": null});
    for (path, expected) in [
        ("$", Some(document.clone())),
        ("$.a[0].b['c d'][-1]", Some(json!(20))),
        ("$.a[0].b['c d'][-2]", Some(json!(10))),
        ("$.a[0].b['c d'][-3]", None),
        ("$.a[0].b['c d'][2]", None),
        ("$.a[-9007199254740991]", None),
        ("$['0']", Some(json!("zero"))),
        ("$[0]", None),
        ("$.a['0']", None),
        ("$.n", Some(Value::Null)),
        ("$.n.x", None),
        ("$.absent.x", None),
    ] {
        let selector = Selector::parse(path).expect(path);
        assert!(selector.is_singular(), "{path}");
        assert_eq!(selector.first(&document), expected.as_ref(), "{path}");
        assert_eq!(
            selector.select(&document).len(),
            usize::from(expected.is_some()),
            "{path}"
        );
    }
    assert_eq!(
        select("$[?@[-1] == 2]", &json!([[1, 2], [2, 1]])),
        json!([[1, 2]])
    );
    for path in ["$.*", "$..a", "$['a','b']", "$[0:1]", "$[?@.a]"] {
        assert!(!Selector::parse(path).expect(path).is_singular(), "{path}");
    }
}

#[test]
fn numbers_compare_exactly() {
    let large = json!([9_007_199_254_740_993_i64, u64::MAX, i64::MIN, 1e300, 1.5, 0]);
    assert_eq!(select("$[?@ == 9.007199254740992e15]", &large), json!([]));
    assert_eq!(
        select("$[?@ > 9.007199254740992e15]", &large),
        json!([9_007_199_254_740_993_i64, u64::MAX, 1e300])
    );
    assert_eq!(select("$[?@ == $[1]]", &large), json!([u64::MAX]));
    assert_eq!(select("$[?@ < 0]", &large), json!([i64::MIN]));
    assert_eq!(select("$[?@ == -0.0]", &large), json!([0]));
    assert_eq!(select("$[?@ >= 1.5 && @ < 2]", &large), json!([1.5]));
    assert_eq!(
        select(
            "$[?@.a == @.b]",
            &json!([{"a": [1, {"x": 2}], "b": [1.0, {"x": 2e0}]}])
        )
        .as_array()
        .map(Vec::len),
        Some(1)
    );
}

#[test]
fn filters_see_the_root() {
    let document = json!({
        "latest": 2, "ids": [2, 3], "items": [{"id": 1}, {"id": 2}, {"id": 3, "tags": ["x"]}]
    });
    assert_eq!(
        select("$.items[?@.id == $.latest].id", &document),
        json!([2])
    );
    assert_eq!(
        select("$.items[?count($.ids[*]) == @.id].id", &document),
        json!([2])
    );
    assert_eq!(
        select("$.items[?$.ids[?@ == 3]].id", &document),
        json!([1, 2, 3])
    );
    assert_eq!(select("$.items[?$.ids[?@ == 4]].id", &document), json!([]));
    assert_eq!(
        select("$.items[?@.tags[?@ == 'x']].id", &document),
        json!([3])
    );
    assert_eq!(
        select("$.items[?value($.ids[?@ > 2]) == @.id].id", &document),
        json!([3])
    );
}

#[test]
fn patterns() {
    let document =
        json!({"pattern": "b.", "broken": "(", "names": ["ab", "b&", "a~b", "ba\r", "a\nb", 7]});
    for (path, expected) in [
        ("$.names[?match(@, 'a|b')]", json!([])),
        (
            "$.names[?search(@, 'a|b')]",
            json!(["ab", "b&", "a~b", "ba\r", "a\nb"]),
        ),
        ("$.names[?match(@, 'a.b')]", json!(["a~b"])),
        ("$.names[?match(@, '[a-b&&b]+')]", json!(["ab", "b&"])),
        ("$.names[?match(@, $.pattern)]", json!(["b&"])),
        ("$.names[?search(@, $.pattern)]", json!(["b&", "ba\r"])),
        (
            "$.names[?match(@, $.broken) || match(@, $.absent)]",
            json!([]),
        ),
        (
            "$.names[?match(@, $.pattern) && search(@, $.pattern)]",
            json!(["b&"]),
        ),
    ] {
        assert_eq!(select(path, &document), expected, "{path}");
    }
    for path in [
        "$[?match(@, '[')]",
        "$[?search(@, 'a)|(b')]",
        "$[?match(@, '((a{99}){99}){99}')]",
    ] {
        assert!(
            refused(path)
                .message
                .ends_with("is not a regular expression"),
            "{path}"
        );
    }
}

/// Path, what is underlined, message, help.
#[rustfmt::skip]
const MESSAGES: &[(&str, &str, &str, &str)] = &[
    ("", "", "the path is empty", "`$` is the whole document"),
    ("$.a b", "a b", "a name after a dot cannot contain a space, as in `a b`", "write `$['a b']`"),
    ("$.a b.c d", "a b", "a name after a dot cannot contain a space, as in `a b`", "write `$['a b']['c d']`"),
    ("$.a ", " ", "a path cannot start or end with a space", "write `$.a`"),
    (" $.a", " ", "a path cannot start or end with a space", "write `$.a`"),
    ("$. a", " ", "no space is allowed after a dot", "write `$.a`"),
    ("$[?@. a == 1]", " ", "no space is allowed after a dot", "write `$[?@.a == 1]`"),
    ("$.items[?count (@.*) == 1]", " ", "no space is allowed between a function and its parenthesis", "write `$.items[?count(@.*) == 1]`"),
    ("$.a\u{a0}b", "\u{a0}", "this is not a plain space, but U+00A0", "put the name in quotes and brackets"),
    ("$[?@.a == - 1]", "-", "a path has no arithmetic, and no space is allowed after a sign", ""),
    ("$.items[?(@.x in ['a'])]", "in", "`in` is not RFC 9535", "use `@.x == 'a' || @.x == 'b'`"),
    ("$.items[?@.x nin ['a', 'b']]", "nin", "`nin` is not RFC 9535", "use `@.x != 'a' && @.x != 'b'`"),
    ("$.items[?'a' in @.tags]", "in", "`in` is not RFC 9535", "use `@.list[?@ == 'a']` for a list, or `search(@.name, 'a')` for a string"),
    ("$.items[?@.tags contains 'a']", "contains", "`contains` is not RFC 9535", "use `@.list[?@ == 'a']` for a list, or `search(@.name, 'a')` for a string"),
    ("$.items[?@.name like 'x']", "like", "`like` is not RFC 9535", "use `match(@.name, 'pattern')` for a whole string, or `search(…)` for a part of it"),
    ("$.items[?@.a == 1 and not @.b]", "and", "`and` is not RFC 9535", "write `$.items[?@.a == 1 && !@.b]`"),
    ("$.items[?@.a or @.b]", "or", "`or` is not RFC 9535", "write `$.items[?@.a || @.b]`"),
    ("items[*].id", "items", "a path starts with `$`, the whole document", "write `$.items[*].id`"),
    (".items[]", ".", "a path starts with `$`, the whole document", "write `$.items[*]`"),
    (".items[].flaky-tests", ".", "a path starts with `$`, the whole document", "write `$.items[*]['flaky-tests']`"),
    (".", ".", "a path starts with `$`, the whole document", "write `$`"),
    (".[0]", ".", "a path starts with `$`, the whole document", "write `$[0]`"),
    ("[0]", "[", "a path starts with `$`, the whole document", "write `$[0]`"),
    ("@.a", "@", "a path starts with `$`, the whole document", "write `$.a`"),
    (".items | length", ".", "a path starts with `$`, the whole document", "for example `$.items[*].id`"),
    ("/items/0", "/", "a path starts with `$`, the whole document", "for example `$.items[*].id`"),
    ("{{ id }}", "{{ id }}", "expected a JSONPath, got a template", ""),
    ("$items", "items", "missing dot before `items`", "write `$.items`"),
    ("$.items[]", "[]", "`[]` selects nothing", "write `$.items[*]`"),
    ("$.items | length", "|", "JSONPath has no pipes", ""),
    ("$.flaky-tests", "flaky-tests", "`flaky-tests` is not allowed after a dot", "write `$['flaky-tests']`"),
    ("$..flaky-tests.test-name[0]", "flaky-tests", "`flaky-tests` is not allowed after a dot", "write `$..['flaky-tests']['test-name'][0]`"),
    ("$.items[?@.flaky-count > 1]", "flaky-count", "`flaky-count` is not allowed after a dot", "write `$.items[?@['flaky-count'] > 1]`"),
    ("$.items.0.id", "0", "`0` is not allowed after a dot", "write `$.items[0].id`"),
    ("$.1a", "1a", "`1a` is not allowed after a dot", "write `$['1a']`"),
    ("$.@type", "@type", "`@type` is not allowed after a dot", "write `$['@type']`"),
    ("$.['a']", ".", "no dot is allowed before a bracket", "write `$['a']`"),
    ("$.'a'", "'a'", "a quoted name must be in brackets, without a dot", "write `$['a']`"),
    ("$...a", "...", "`...` is not RFC 9535", "write `$..a`"),
    ("$.items.", ".", "missing name after `.`", ""),
    ("$.items.length()", "length", "`length()` is not allowed in a path", "functions are only allowed in a filter, such as `[?length(@.name) > 3]`"),
    ("$.items[(@.length-1)]", "(", "JSONPath has no computed indexes", "use `[-1]` for the last item, or `[?…]` for a filter"),
    ("$.items[name, 'b']", "name", "a name in brackets must be quoted, and `name` is not", "write `$.items['name', 'b']`"),
    ("$.items[@.a == 1]", "@", "`@` is only allowed in a filter, `[?…]`", "write `$.items[?@.a == 1]`"),
    ("$.items[*]^", "^", "`^` is not RFC 9535", "a path selects values, not their names or parents"),
    ("$.items[?@.a = 1]", "=", "`=` is not RFC 9535", "write `$.items[?@.a == 1]`"),
    ("$.items[?@.a === 'x']", "===", "`===` is not RFC 9535", "write `$.items[?@.a == 'x']`"),
    ("$.items[?@.a <> 1]", "<>", "`<>` is not RFC 9535", "write `$.items[?@.a != 1]`"),
    ("$.items[?@.a == 1 & @.b == 2]", "&", "`&` is not RFC 9535", "write `$.items[?@.a == 1 && @.b == 2]`"),
    ("$.items[?@.a | @.b]", "|", "`|` is not RFC 9535", "write `$.items[?@.a || @.b]`"),
    ("$.items[?@.name =~ /x.*/]", "=~", "`=~` is not RFC 9535", "use `match(@.name, 'pattern')` for a whole string, or `search(…)` for a part of it"),
    ("$.items[?state == 'x']", "state", "`state` is neither a member (`@.…`) nor a string (`'…'`)", "write `$.items[?@.state == 'x']`"),
    ("$.items[?@.state == failed]", "failed", "`failed` is neither a member (`@.…`) nor a string (`'…'`)", "write `$.items[?@.state == 'failed']`"),
    ("$.items[?@.state == True]", "True", "`True` must be lower case", "write `$.items[?@.state == true]`"),
    ("$.items[?@.state == None]", "None", "`None` is written `null`", "write `$.items[?@.state == null]`"),
    ("$.items[?@.state == ‘x’]", "‘x’", "typographic quotes are not allowed", "write `$.items[?@.state == 'x']`"),
    ("$.items[?first(@.a)]", "first", "no function `first`", "the functions are `length`, `count`, `value`, `match` and `search`"),
    ("$.items[?@.id == 9007199254740993]", "9007199254740993", "`9007199254740993` is beyond 2^53-1, the largest integer of a path", "compare such numbers in a condition on the rows instead"),
    ("$[?@.a == 1e999]", "$[?@.a == 1e999]", "it contains a number that JSON cannot represent", ""),
    ("$.items[?]", "]", "missing condition before `]`", ""),
    ("$.items[?@.a && ]", "]", "missing condition before `]`", ""),
    ("$.items[?'a']", "'a'", "`'a'` must be compared", "for example `@.name == 'a'`"),
    ("$.items[?@.* == 1]", "==", "`==` compares single values, and this path may match several", "use `@.list[?@ == 1]` to compare each of several values, or `!(@.a == 1)` for the opposite"),
    ("$.items[?!@.a == 1]", "==", "`==` compares single values, and this path may match several", "use `@.list[?@ == 1]` to compare each of several values, or `!(@.a == 1)` for the opposite"),
    ("$.items[", "[", "unclosed `[`", "write `$.items[*]`"),
    ("$.items[0", "[", "unclosed `[`", "write `$.items[0]`"),
    ("$.items[?(@.a == 1]", "(@.a == 1]", "expected `)`, got `]`", "write `$.items[?(@.a == 1)]`"),
    ("$.items)", ")", "unmatched `)`", "write `$.items`"),
    ("$['a", "'a", "unclosed `'`", r"escape a quote inside a string with `\`"),
    ("$['it's']", "']", "unclosed `'`", r"escape a quote inside a string with `\`"),
    ("$['a\tb']", "\t", "a string cannot contain a control character", "write `$['a\\u0009b']`"),
    ("$[\"\\ud800\"]", "\"\\ud800\"", "unknown escape in this string", r"write a backslash as `\\`"),
    ("$[0,]", "]", "unexpected `]`", ""),
    ("$.items[?length(@.a)]", "length(@.a)", "the result of this function must be compared", "for example `length(@.name) > 3`"),
    ("$.items[?length(@.*) > 2]", "length(@.*)", "this function takes a single value, and its path may match several", "use `value(…)` for the only node of a path, or `count(…)` to count its nodes"),
    ("$.items[?length((@.a)) > 2]", "length((@.a))", "a function argument cannot be a condition or in parentheses", ""),
    ("$.items[?count('a') > 1]", "count('a')", "wrong kind of argument to this function", "`count(path)` takes one path, such as `count(@.jobs[*]) > 1`"),
    ("$.items[?count(length(@.a)) > 1]", "count(length(@.a))", "this function takes a path", "for example `count(@.jobs[*]) > 1`"),
    ("$.items[?match(@.a, 'x') == true]", "match(@.a, 'x')", "this is already true or false, and cannot be compared", ""),
    ("$.items[?match(@.a)]", ")", "unexpected `)`", "`match(value, pattern)` takes two, such as `match(@.branch, 'release/.*')`"),
    ("$.items[?count(match(@.a, 'x')) == 1]", "count(match(@.a, 'x'))", "this function takes a path", "for example `count(@.jobs[*]) > 1`"),
    ("$.items[?length(match(@.a, 'x')) == 1]", "match(@.a, 'x')", "this function returns true or false, not a value", ""),
    ("$.items[?match(@.a, '[')]", "match(@.a, '[')", "`[` is not a regular expression", ""),
    ("$.items[?in(@.a, @.b)]", "in", "`in` is not RFC 9535", "use `@.list[?@ == 'a']` for a list, or `search(@.name, 'a')` for a string"),
];

#[test]
fn messages_point_and_propose() {
    let mut failures = String::new();
    for (path, underlined, message, help) in MESSAGES {
        let error = refused(path);
        let got = (
            &path[error.range.clone()],
            &*error.message,
            error.help.as_deref().unwrap_or(""),
        );
        if got != (*underlined, *message, *help) {
            let _ = writeln!(failures, "{path:?}: {got:?}");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The place comes out of a debug form, see `lint::refused`.
#[test]
fn the_place_of_the_parser_is_found() {
    assert_eq!(refused("$.items[?(@.a == 1 || )]").range, 22..23);
    assert_eq!(refused("$.é[?@.a == ,]").range, 13..14);
}

#[test]
fn names_may_be_what_looks_like_an_operator() {
    let document = json!([{"in": {"and": 1}, "not": 2, "or": [3], "length": 4, "é": 5, "a1": 6}]);
    for (path, expected) in [
        ("$[*].in.and", 1),
        ("$[?@.in.and == 1].not", 2),
        ("$[?@.not && @.or].or[0]", 3),
        ("$[?@.length == 4].length", 4),
        ("$ [*] .é", 5),
        ("$[? ( @ .a1 ) ]['a1' ]", 6),
    ] {
        assert_eq!(select(path, &document), json!([expected]), "{path}");
    }
}

#[test]
fn sizes_are_bounded() {
    for (path, what) in [
        (format!("$.{}", "a".repeat(5000)), "longer than 4096 bytes"),
        (format!("${}", ".a".repeat(129)), "deeper than any document"),
        (
            format!("$[?{}@{}]", "(".repeat(32), ")".repeat(32)),
            "nested too deeply",
        ),
        (
            format!("$[?{}@.a{} > 1]", "length(".repeat(5), ")".repeat(5)),
            "nested too deeply",
        ),
        ("$..a..b..c..d..e".to_owned(), "repeatedly"),
        (format!("${}", "[*,*]".repeat(10)), "repeatedly"),
        (format!("$[?@{}]", "[*,*]".repeat(10)), "repeatedly"),
    ] {
        assert!(refused(&path).message.contains(what), "{path}");
    }
    for path in [
        format!("${}", ".a".repeat(128)),
        format!("$[?{}@.a{}]", "(".repeat(31), ")".repeat(31)),
        format!("$[?{}@.a{} > 1]", "length(".repeat(4), ")".repeat(4)),
        "$..a..b..c..d".to_owned(),
    ] {
        Selector::parse(&path).expect(&path);
    }
}

#[test]
fn deep_documents_and_deep_paths() {
    let depth = 126;
    let text = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let document: Value = serde_json::from_str(&text).expect("a document");
    assert_eq!(
        select(&format!("${}", "[*]".repeat(depth)), &document),
        json!([1])
    );
    assert_eq!(
        select(&format!("${}", "[?@]".repeat(depth)), &document),
        json!([1])
    );
    assert_eq!(
        select(
            &format!("$[?@{}]", "[?@".repeat(30) + &"]".repeat(30)),
            &document
        )
        .as_array()
        .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        select("$..*", &document).as_array().map(Vec::len),
        Some(depth)
    );
    assert_eq!(
        select("$[?@ == $[0]]", &document).as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn hostile_text_gets_a_result_in_time() {
    let pieces = [
        "(",
        "[",
        "$[?(",
        "[?",
        "length(",
        "$[?@",
        "..",
        "!",
        "..*",
        "[*,*]",
        "['a'",
        "\\",
        ".a",
        " ",
        "count(@[?",
        "match(@,",
        "value(",
        "[?$..*",
        "&&",
        "a b ",
        "/",
        "@[?@",
        ".a-b",
        "@.a in [",
        "é",
        "\u{a0}",
        "{{",
        "'",
        "😀.",
    ];
    for start in ["", "$", "$[?", "$[?@.a==", "$[?match("] {
        for piece in pieces {
            for count in [1, 4, 31, 1000, 100_000] {
                let since = Instant::now();
                let path = format!("{start}{}", piece.repeat(count));
                let closed = format!("{path}{}", "]".repeat(count));
                for path in [path, closed] {
                    if Selector::parse(&path).is_err() {
                        refused(&path);
                    }
                }
                assert!(
                    since.elapsed() < Duration::from_secs(5),
                    "{start}{piece} {count} times"
                );
            }
        }
    }
}

#[test]
fn every_part_and_every_change_of_a_path_gets_a_result() {
    let path = "$.é['a b', \"c\\u00e9\"]..x[?count(@.y[*]) >= 2 && !match(@.z, 'w.*') || (@[0] == -1.5e3)][1:-1:2]";
    Selector::parse(path).expect(path);
    let places: Vec<usize> = path.char_indices().map(|(place, _)| place).collect();
    for place in places {
        let rest = &path[place..];
        let without: String = rest.chars().skip(1).collect();
        let mut changed = vec![
            path[..place].to_owned(),
            rest.to_owned(),
            format!("{}{without}", &path[..place]),
        ];
        for inserted in [" ", ".", "'", "[", ")", "é", "\u{a0}", "0", "-", "=", "in "] {
            changed.push(format!("{}{inserted}{rest}", &path[..place]));
        }
        for path in changed {
            if Selector::parse(&path).is_err() {
                refused(&path);
            }
        }
    }
}

#[test]
fn it_may_go_to_other_threads() {
    fn holds<T: Clone + Send + Sync + 'static>() {}
    holds::<Selector>();
}

#[test]
fn the_members_of_the_list_that_a_path_chooses_from() {
    let document = json!({
        "items": [{"id": 1}, {"id": 2}, {"id": 3}],
        "groups": [{"items": [1]}, {"items": []}],
        "by_id": {"a": 1, "b": 2},
        "null": null,
        "one": {"id": 1},
    });
    for (path, count) in [
        ("$.items[*]", 3),
        ("$.items[?@.id > 2].id", 3),
        ("$.items[:1]", 3),
        ("$.items[0, 2]", 3),
        ("$.items[1]", 3),
        ("$.items[*, ?@.id > 2]", 3),
        ("$.groups[*].items[*]", 2),
        ("$.groups[0].items[*]", 1),
        ("$.by_id.*", 2),
        ("$.null[*]", 0),
        ("$.absent[*]", 0),
        ("$.one", 1),
        ("$.one.absent", 0),
    ] {
        let selector = Selector::parse(path).expect(path);
        assert!(selector.names_a_list(), "{path}");
        let members = selector.members(&document).expect(path);
        assert_eq!(members.len(), count, "{path}");
    }
    for path in ["$..items[*]", "$..id", "$['items', 'groups'][*]"] {
        let selector = Selector::parse(path).expect(path);
        assert!(!selector.names_a_list(), "{path}");
        assert!(selector.members(&document).is_none(), "{path}");
    }
}
