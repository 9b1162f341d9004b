# Completions of runner for fish.
function __runner_complete
    set -l words (commandline -opc)
    set -l lines (command $words[1] complete --shell fish -- $words (commandline -ct | string unescape) 2>/dev/null)
    if test "$lines[1]" = files
        __fish_complete_path (commandline -ct)
    else if test (count $lines) -gt 1
        printf '%s\n' $lines[2..-1]
    end
end
complete -c runner -f -a '(__runner_complete)'
