//! Texts with placeholders in them.

/// What stands before and behind a placeholder; `None` if the text has none.
pub(crate) fn around<'t>(text: &'t str, placeholder: &str) -> Option<(&'t str, &'t str)> {
    text.split_once(placeholder)
}

/// A text with its placeholders replaced.
pub(crate) fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let known = values.iter().find(|(name, _)| rest.starts_with(name));
        let (value, length) = known.map_or(("{", 1), |(name, value)| (*value, name.len()));
        filled.push_str(value);
        rest = &rest[length..];
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders() {
        for (text, expected) in [
            ("End {device}, {ago}", "End {ago}, 1 hour ago"),
            ("{ago}{ago}", "1 hour ago1 hour ago"),
            ("none", "none"),
            ("{", "{"),
            ("{other} {", "{other} {"),
            ("", ""),
        ] {
            // What is filled in is not looked at again.
            let values = [("{device}", "{ago}"), ("{ago}", "1 hour ago")];
            assert_eq!(filled(text, &values), expected, "{text}");
        }
        assert_eq!(around("a {user} b", "{user}"), Some(("a ", " b")));
        assert_eq!(around("a b", "{user}"), None);
    }
}
