//! Cookies that nobody issued, in the shape of a real one, as an attacker can make them.

use anyhow::Result;

/// A value of the same length and alphabet as a real one: hexadecimal digits stay such, a UUID keeps
/// what makes it one, what is neither letter nor digit stays (escapes of percent-encoding as well),
/// and so does the last letter of each part in base64, which must leave no bits over.
///
/// Where the real one carries a signature, this has one of the right shape, which is wrong: an
/// attacker has no key.
pub(crate) fn forge(real: &str) -> Result<String> {
    let letters: Vec<char> = real.chars().collect();
    let hexadecimal = letters.iter().all(|c| matches!(c, '0'..='9' | 'a'..='f' | '-'));
    let uuid = hexadecimal && letters.len() == 36 && letters[8] == '-';
    let mut random = vec![0; letters.len()];
    getrandom::fill(&mut random)?;
    let forged = letters.iter().enumerate().map(|(at, &letter)| {
        let escape = letter == '%'
            || (at >= 1 && letters[at - 1] == '%')
            || (at >= 2 && letters[at - 2] == '%');
        let kept = escape
            || !letter.is_ascii_alphanumeric()
            || (uuid && (at == 14 || at == 19))
            || (!hexadecimal && ends(&letters[at + 1..]));
        let alphabet: &[u8] = match (hexadecimal, letter) {
            (true, _) => b"0123456789abcdef",
            (false, '0'..='9') => b"0123456789",
            (false, 'a'..='z') => b"abcdefghijklmnopqrstuvwxyz",
            (false, _) => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        };
        let drawn = char::from(alphabet[usize::from(random[at]) % alphabet.len()]);
        if kept { letter } else { drawn }
    });
    Ok(forged.collect())
}

/// Whether what follows a letter says that it was the last of its part: nothing, or padding.
fn ends(rest: &[char]) -> bool {
    rest.is_empty() || rest.starts_with(&['=']) || rest.starts_with(&['%', '3', 'D'])
}

#[cfg(test)]
mod tests {
    use super::forge;

    #[test]
    fn a_forged_value_has_the_real_ones_shape_and_another_content() {
        for real in [
            "8c6f0a5e3b1d49278c6f0a5e3b1d49278c6f0a5e3b1d49278c6f0a5e3b1d4927",
            "f47ac10b-58cc-4372-a567-0e02b2c3d479",
            "hV0bJ8yXqk3mQ2d7TzLw9A",
            "q2l%2Fk8mZ0%3DAbCdEfGh0123456789==",
        ] {
            let forged = forge(real).expect("random bytes");
            assert_ne!(forged, real);
            assert_eq!(forged.len(), real.len());
            for (forged, real) in forged.chars().zip(real.chars()) {
                assert_eq!(forged.is_ascii_alphanumeric(), real.is_ascii_alphanumeric());
                assert_eq!(forged.is_ascii_uppercase(), real.is_ascii_uppercase());
            }
        }
        let uuid = forge("f47ac10b-58cc-4372-a567-0e02b2c3d479").expect("random bytes");
        assert_eq!((&uuid[14..15], &uuid[19..20]), ("4", "a"));
        assert!(forge("%2Fabc").expect("random bytes").starts_with("%2F"));
    }
}
