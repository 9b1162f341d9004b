# Completions of runner for bash.
_runner() {
    local directive line
    COMPREPLY=()
    {
        IFS= read -r directive || directive=words
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done
    } < <(command "$1" complete --shell bash --breaks "$COMP_WORDBREAKS" -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    if [[ $directive == files ]]; then
        # No candidate: the shell completes files itself.
        compopt -o default -o bashdefault 2>/dev/null
    else
        compopt +o default +o bashdefault 2>/dev/null
    fi
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[=:/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o nosort -F _runner runner 2>/dev/null || complete -F _runner runner
