use super::*;
use crate::identity::{BadOrigin, Origins};

#[test]
fn case_17_foreign_pages_may_not_connect() {
    let own: &[&str] = &[];
    let listed: &[&str] = &["https://Example.com", "http://localhost:5173", "capacitor://localhost"];
    for (list, origin, host, good) in [
        (own, None, Some("example.com"), true),
        (own, None, None, true),
        (own, Some("https://example.com"), Some("example.com"), true),
        (own, Some("https://EXAMPLE.com"), Some("example.COM"), true),
        (own, Some("https://example.com"), Some("example.com:443"), true),
        (own, Some("http://example.com:80"), Some("example.com"), true),
        (own, Some("http://127.0.0.1:7077"), Some("127.0.0.1:7077"), true),
        (own, Some("http://[::1]:7077"), Some("[::1]:7077"), true),
        (own, Some("http://[::1]"), Some("[::1]"), true),
        (own, Some("https://evil.com"), Some("example.com"), false),
        (own, Some("https://example.com.evil.com"), Some("example.com"), false),
        (own, Some("https://example.com:8443"), Some("example.com"), false),
        (own, Some("http://example.com"), Some("example.com:443"), false),
        (own, Some("http://localhost:1"), Some("localhost:2"), false),
        (own, Some("https://example.com"), None, false),
        (own, Some("null"), Some("null"), false),
        (own, Some(""), Some(""), false),
        (own, Some("https://"), Some(""), false),
        (own, Some("https://a@example.com"), Some("a@example.com"), false),
        (own, Some("https://example.com/x"), Some("example.com/x"), false),
        (own, Some("https://example.com:99999"), Some("example.com:99999"), false),
        (own, Some("https://example.com:"), Some("example.com:"), false),
        (listed, Some("https://example.com"), Some("other"), true),
        (listed, Some("https://example.com:443"), Some("other"), true),
        (listed, Some("http://localhost:5173"), Some("other"), true),
        (listed, Some("capacitor://localhost"), Some("other"), true),
        (listed, None, Some("other"), true),
        (listed, Some("http://example.com"), Some("other"), false),
        (listed, Some("http://example.com:443"), Some("other"), false),
        (listed, Some("http://localhost"), Some("other"), false),
        (listed, Some("https://other"), Some("other"), false),
        (listed, Some("null"), Some("other"), false),
        (&["*"], Some("https://evil.com"), Some("example.com"), true),
        (&["https://a.com", "*"], Some("null"), None, true),
    ] {
        let outcome = Origins::parse(list.iter().copied()).unwrap().check(origin, host);
        assert_eq!(code(outcome), (!good).then_some(Code::ForbiddenOrigin), "{list:?} {origin:?} {host:?}");
    }
}

#[test]
fn a_list_that_says_something_else_is_no_list() {
    for bad in [
        "",
        "example.com",
        "https://",
        "https://a.com/",
        "https://*.a.com",
        "https://a.com:x",
        "https://a b",
        "null",
        "://a",
    ] {
        assert_eq!(Origins::parse([bad]), Err(BadOrigin), "{bad}");
    }
}
