# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailx_tctl_global_optspecs
    string join \n config= h/help V/version
end

function __fish_mailx_tctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailx_tctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailx_tctl_using_subcommand
    set -l cmd (__fish_mailx_tctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -s V -l version -d 'Print version'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -f -a "check" -d 'Try configuration, spool, connection, login and sender; send nothing'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -f -a "import" -d 'Turn the settings of another mailer into a configuration, and print it'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -f -a "init" -d 'Make the spool and a commented configuration where they are missing'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -f -a "test" -d 'Send a mail and tell what the smarthost says'
complete -c mailx-tctl -n "__fish_mailx_tctl_needs_command" -f -a "queue" -d 'Look at the mails in the queue, and at single ones'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand check" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand check" -l offline -d 'Leave the network alone'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand check" -l json -d 'One JSON object a line'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand check" -s v -l verbose -d 'Show the dialogue with the smarthost on stderr, without secrets'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand check" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -l from -d 'Whose they are, if unclear: dma, esmtp, exim, mailrc, msmtp, nullmailer, postfix, ssmtp, uci' -r -f
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -l sender -d 'The address to send as, where nothing in the file says it' -r -f
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -l write -d 'Write configuration and password file instead'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -l force -d 'Replace those that are there, and write even if a login did not come out'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand import" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand init" -l provider -d 'Fill in the smarthost of a well-known provider (qq, gmail, ...), or of a domain by its DNS' -r -f
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand init" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand init" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand test" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand test" -s v -l verbose -d 'Show the dialogue with the smarthost on stderr, without secrets'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand test" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "list" -d 'List them, as mailq does'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "show" -d 'All that is known of one: how it stands with each recipient, the next try, the header section'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "requeue" -d 'Put one, or all, of what lies in failed/ back into the queue'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "retry" -d 'Try one, or all, now'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "hold" -d 'Keep one, or all, and try it no more until released'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "release" -d 'Hold one, or all, no longer'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "remove" -d 'Take one, or all, out of the queue unsent'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and not __fish_seen_subcommand_from list show requeue retry hold release remove bounce" -f -a "bounce" -d 'Give one, or all, up and report it to its sender'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from list" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line, as postqueue -j'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from show" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from show" -l raw -d 'As it stands on disk: envelope, journal, header section'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from requeue" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from requeue" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from retry" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from hold" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from release" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from release" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from remove" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from bounce" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-tctl -n "__fish_mailx_tctl_using_subcommand queue; and __fish_seen_subcommand_from bounce" -s h -l help -d 'Print help'
