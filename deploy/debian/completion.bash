# bash completion of sluice(1). Commands and flags are asked of the program itself, so that they are its own.

_sluice_roles="gateway fb-collector ttk-collector reporter"

# The flags in the help of a command, "-d, --detach" and "--log-level" alike.
_sluice_flags() {
    "$1" "$2" --help 2>/dev/null | sed -nE 's/^  (-[a-z], )?(--[a-z-]+).*/\2/p'
    echo --help
}

# The words that a flag takes, where its help ends in "a, b or c".
_sluice_words() {
    "$1" "$2" --help 2>/dev/null |
        awk -v flag="$3" '$1 == flag { getline; if (match($0, /: [a-z]+(, [a-z]+)* or [a-z]+$/))
            print substr($0, RSTART + 2) }' | sed 's/,\| or / /g'
}

_sluice() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command=${COMP_WORDS[1]:-} words
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        words="$("$program" --help 2>/dev/null | sed -nE 's/^  ([a-z-]+) .*/\1/p') --help --version"
    elif [[ $word == -* ]]; then
        words=$(_sluice_flags "$program" "$command")
    else
        case $before in
        --env-file | --data)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
            return
            ;;
        --source) words="facebook tiktok" ;;
        --*) words=$(_sluice_words "$program" "$command" "$before") ;;
        *)
            case $command in
            restart | logs | health) words=$_sluice_roles ;;
            dlq) words="ls show requeue purge" ;;
            bench) words="reports" ;;
            rollup) words="verify rebuild" ;;
            esac
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "${words:-}" -- "$word")
}

complete -F _sluice sluice
