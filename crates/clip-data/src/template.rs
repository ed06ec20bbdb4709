//! Sentences around a name, in English that fits it.

use pluralizer::pluralize;

/// Beginnings that are spelled with a vowel and spoken without one, and the other way around.
const SPOKEN_AS_CONSONANT: [&str; 7] = ["eu", "one", "once", "uni", "use", "uku", "ute"];
const SPOKEN_AS_VOWEL: [&str; 4] = ["heir", "honest", "honor", "hour"];

/// Puts a name in the place of `{}`, with spaces for its underscores. `{}s` is the plural of its last
/// word (one that is a plural already stays), and `a {}` becomes `an {}` where the name asks for it.
pub fn fill_template(template: &str, name: &str) -> String {
    let name = name.replace('_', " ");
    let (before, after) = template.split_once("{}").unwrap_or((template, ""));
    let (name, after) = match after.strip_prefix('s') {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => (plural(&name), rest),
        _ => (name, after),
    };
    let is_article = before == "a " || before.ends_with(" a ");
    match is_article && begins_with_vowel(&name) {
        true => format!("{}n {name}{after}", before.trim_end()),
        false => format!("{before}{name}{after}"),
    }
}

fn plural(name: &str) -> String {
    let (before, word) = name.rsplit_once(' ').unwrap_or(("", name));
    let plural = pluralize(word, 2, false);
    if before.is_empty() { plural } else { format!("{before} {plural}") }
}

fn begins_with_vowel(name: &str) -> bool {
    let name = name.to_lowercase();
    let begins = |with: &[&str]| with.iter().any(|beginning| name.starts_with(beginning));
    let is_spelled = name.starts_with(['a', 'e', 'i', 'o', 'u']);
    begins(&SPOKEN_AS_VOWEL) || is_spelled && !begins(&SPOKEN_AS_CONSONANT)
}

#[cfg(test)]
mod tests {
    use super::fill_template;

    #[test]
    fn sentences_are_english() {
        for (template, name, expected) in [
            ("{}", "Guide_dog", "Guide dog"),
            ("a {}", "owl", "an owl"),
            ("a photo of a {}.", "owl", "a photo of an owl."),
            ("a photo of a {}.", "dog", "a photo of a dog."),
            ("a {}", "unicorn", "a unicorn"),
            ("a {}", "umbrella", "an umbrella"),
            ("a {}", "hourglass", "an hourglass"),
            ("a sofa {}", "owl", "a sofa owl"),
            ("{}s", "dog", "dogs"),
            ("{}s.", "box", "boxes."),
            ("a photo of {}s", "cherry", "a photo of cherries"),
            ("{}s", "toy", "toys"),
            ("{}s", "scissors", "scissors"),
            ("{}s", "bus", "buses"),
            ("{}s", "sheep", "sheep"),
            ("{}s", "wolf", "wolves"),
            ("{}s", "guide_child", "guide children"),
            ("{}s", "snow goose", "snow geese"),
            ("{}s", "fire truck", "fire trucks"),
            ("{}side", "sea", "seaside"),
        ] {
            assert_eq!(fill_template(template, name), expected, "{template} of {name}");
        }
    }
}
