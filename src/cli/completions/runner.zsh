#compdef runner
# Completions of runner for zsh.
_runner() {
    local -a lines ended open
    local line word
    lines=("${(@f)$(command ${(Q)words[1]} complete --shell zsh -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    if [[ $lines[1] == files ]]; then
        _files
        return
    fi
    shift lines
    for line in $lines; do
        word=${line%%$'\t'*}
        # A colon separates the description.
        line=${${word//\\/\\\\}//:/\\:}${${line#$word}/$'\t'/:}
        if [[ $word == *[=:/] ]]; then
            open+=("$line")
        else
            ended+=("$line")
        fi
    done
    local ret=1
    (( $#open )) && _describe -t values runner open -S '' && ret=0
    (( $#ended )) && _describe -t words runner ended && ret=0
    return ret
}
if [[ $funcstack[1] == _runner ]]; then
    _runner "$@"
else
    compdef _runner runner
fi
