//! Names of tools. Clients add the name of the server before them and accept 60 or 64 characters in
//! total, some accept no `-` or `.`, and others turn them into `_`.

/// The name of the tool that runs operations, by which `--only` chooses it.
pub const RUN_OPERATION: &str = "run_operation";

/// The maximum length of a name.
pub const LONGEST: usize = 48;

/// Returns the name of the tool of a query: in snake case.
///
/// # Errors
///
/// Why there is none, as the end of a sentence about the name.
pub fn of_query(name: &str) -> Result<String, String> {
    let tool = name.to_ascii_lowercase().replace(['-', '.'], "_");
    if let Some(other) = tool
        .chars()
        .find(|c| !c.is_ascii_alphanumeric() && *c != '_')
    {
        return Err(format!("has `{other}`, and names of tools are ASCII"));
    }
    if !tool.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err("does not begin with a letter".to_owned());
    }
    if tool.len() > LONGEST {
        return Err(format!("is longer than {LONGEST} characters"));
    }
    Ok(tool)
}

/// Returns the title of a tool for people: `Failed jobs`.
pub fn title(tool: &str) -> String {
    let words = tool.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_ascii_uppercase().to_string() + letters.as_str(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_in_snake_case_or_there_is_none() {
        assert_eq!(of_query("failed-jobs").as_deref(), Ok("failed_jobs"));
        assert_eq!(of_query("V2.Failed-jobs").as_deref(), Ok("v2_failed_jobs"));
        assert_eq!(of_query(&"a".repeat(48)), Ok("a".repeat(48)));
        for name in ["2fa-users", "-x", "größe", "a b", &"a".repeat(49)] {
            assert!(of_query(name).is_err(), "{name}");
        }
        assert_eq!(title("failed_jobs"), "Failed jobs");
    }
}
