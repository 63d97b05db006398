# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_mailx_t_global_optspecs
    string join \n := A= C= E F= I M= N= O= R= S= V= a= b= c= d= f= i n o= q= r= s= t v config= json dry-run help version
end

function __fish_mailx_t_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_mailx_t_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_mailx_t_using_subcommand
    set -l cmd (__fish_mailx_t_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c mailx-t -n "__fish_mailx_t_needs_command" -s : -d 'the start-up files to read (s-nail): without u among the letters not even the caller\'s own' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s A -d 'a file to attach (mailutils); a word that is no file is s-nail\'s account, with a warning' -r -F
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s C -d 'another configuration file, never with more rights than the caller\'s' -r -F
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s F -d 'the sender\'s full name, for a message that has no From; without it, that of the user database' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s M -d 'the media type of the body (s-nail), here or as the next argument; alone (mailutils) it is not needed' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s N -d 'when to report (never, or of success,failure,delay), also to the smarthost where it offers DSN' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s O -d 'DeliveryMode, IgnoreDots and Verbose are obeyed, any other name is ignored' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s R -d 'how much of the mail a report returns (hdrs, full), also to the smarthost where it offers DSN' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s S -d 'from=, replyto=, reply-to= and sendwait are obeyed, debug is --dry-run, any other variable is ignored' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s V -d 'the envelope\'s identifier, which reports name, also to the smarthost where it offers DSN' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s a -d 'a header where the value has the form of one and is no file, else a file to attach' -r -F
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s b -d 'the mode, see below' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s c -d 'copies; may repeat' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s d -d '-d0 (-d0.1) without a recipient tells the version and reads nothing; other debug levels have no counterpart' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s f -d 'the reverse-path; what the smarthost would not let us use is replaced by the account\'s address' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s o -d '-od, -oi and -ov are obeyed, any other (-oem, -om) is ignored; Exim\'s -oMr and its kin have the value next' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s q -d 'runs the queue, see below; never takes the next argument' -r -F
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s r -d 'the same as -f' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s s -d 'the subject' -r -f
complete -c mailx-t -n "__fish_mailx_t_needs_command" -l config -d 'Another configuration' -r -F
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s E -d 'an empty body sends nothing; but with an argument such as set escape it is mailutils\' and not needed'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s I -d 'the same as -bi'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s i -d 'dots at the start of lines are text, all of them; without it see above'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s n -d 'the system\'s start-up file is not read; of it (/etc/mail.rc) only the aliases count, of the caller\'s own ($MAILRC, ~/.mailrc) the sender and Reply-To too'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s t -d 'recipients from To, Cc and Bcc, in union with the operands'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -s v -d 'waits for the outcome and tells it'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -l json -d 'List the queue as JSON'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -l dry-run -d 'Show what would leave, send nothing'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -l help -d 'Print help'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -l version -d 'Print the version'
complete -c mailx-t -n "__fish_mailx_t_needs_command" -a "ctl" -d 'Administration of mailx-t'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -f -a "check" -d 'Try configuration, spool, connection, login and sender; send nothing'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -f -a "import" -d 'Turn the settings of another mailer into a configuration, and print it'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -f -a "init" -d 'Make the spool and a commented configuration where they are missing'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -f -a "test" -d 'Send a mail and tell what the smarthost says'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and not __fish_seen_subcommand_from check import init test queue" -f -a "queue" -d 'Look at the mails in the queue, and at single ones'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from check" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from check" -l offline -d 'Leave the network alone'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from check" -l json -d 'One JSON object a line'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Show the dialogue with the smarthost on stderr, without secrets'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from import" -l from -d 'Whose they are, if unclear: dma, esmtp, exim, mailrc, msmtp, nullmailer, postfix, ssmtp, uci' -r -f
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from import" -l sender -d 'The address to send as, where nothing in the file says it' -r -f
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from import" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from import" -l write -d 'Write configuration and password file instead'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from import" -l force -d 'Replace those that are there, and write even if a login did not come out'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from init" -l provider -d 'Fill in the smarthost of a well-known provider (qq, gmail, ...), or of a domain by its DNS' -r -f
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from init" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from test" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from test" -s v -l verbose -d 'Show the dialogue with the smarthost on stderr, without secrets'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -l config -d 'Another configuration than /etc/mailx-t/config.toml' -r -F
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "list" -d 'List them, as mailq does'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "show" -d 'All that is known of one: how it stands with each recipient, the next try, the header section'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "requeue" -d 'Put one, or all, of what lies in failed/ back into the queue'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "retry" -d 'Try one, or all, now'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "hold" -d 'Keep one, or all, and try it no more until released'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "release" -d 'Hold one, or all, no longer'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "remove" -d 'Take one, or all, out of the queue unsent'
complete -c mailx-t -n "__fish_mailx_t_using_subcommand ctl; and __fish_seen_subcommand_from queue" -f -a "bounce" -d 'Give one, or all, up and report it to its sender'
