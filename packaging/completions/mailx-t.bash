# bash completion for mailx-t(1).

_mailx_t() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words=
    compopt +o default 2>/dev/null
    COMPREPLY=()
    if [[ $before == --config || ($before == -C && ${COMP_WORDS[1]} != ctl) ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
    fi
    if [[ ${COMP_WORDS[1]} == ctl && $COMP_CWORD -gt 1 ]]; then
        case " ${COMP_WORDS[*]:2:COMP_CWORD-2} " in
        *" check "*) words="--config --help --offline" ;;
        *" init "*) words="--config --help" ;;
        *" queue list "*) words="--config --help --json" ;;
        *" queue "*) words="bounce hold list release remove retry show --config --help" ;;
        *) words="check init queue --config --help --version" ;;
        esac
    elif [[ $word == -* ]]; then
        words="-b -c -F -f -i -odb -odi -odq -q -r -s -t -v --config --help --version"
    elif [[ $COMP_CWORD -eq 1 ]]; then
        words="ctl"
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _mailx_t mailx-t
