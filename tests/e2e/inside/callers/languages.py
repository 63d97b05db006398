"""Programming languages and their mail libraries."""

import pathlib

from case import LINES, SUBJECT, Mail, case, run, script
from machine import HOST

# PHP puts a line end of its own behind what it is given.
PHP_LINES = LINES + "\n"


@case("PHP mail() without headers")
def php_bare(provider):
    program = "mail($argv[1], 'PHP bare', file_get_contents('php://stdin')) || exit(1);"
    run("php", "-r", program, "--", f"php@{provider.domain}", user="www-data", stdin=LINES)
    return [Mail("PHP bare", provider.at("php"), PHP_LINES)]


@case("PHP mail() with headers")
def php_headers(provider):
    program = """
        $fields = ['From' => 'Shop <shop@shop.example>', 'Cc' => $argv[2], 'Bcc' => $argv[3],
                   'Content-Type' => 'text/plain; charset=utf-8'];
        mail($argv[1], '=?UTF-8?B?' . base64_encode($argv[4]) . '?=', file_get_contents('php://stdin'), $fields, '-fshop@shop.example')
            || exit(1);"""
    run("php", "-r", program, "--", f"php@{provider.domain}", f"copy@{provider.domain}", f"blind@{provider.domain}",
        f"PHP {SUBJECT}", user="www-data", stdin=LINES)
    return [Mail(f"PHP {SUBJECT}", provider.at("php", "copy", "blind"), PHP_LINES, "Shop", reply_to="Shop <shop@shop.example>")]


@case("a Python subprocess")
def python(provider):
    program = """if True:
        import email.message, subprocess, sys
        mail = email.message.EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "李雷 <lilei@shop.example>", sys.argv[1], sys.argv[2]
        mail.set_content(sys.stdin.read())
        subprocess.run(["/usr/sbin/sendmail", "-t", "-oi"], input=mail.as_bytes(), check=True)
        """
    run("python3", "-c", program, f"python@{provider.domain}", f"Python {SUBJECT}", user="bob", env={"LANG": "C.UTF-8"},
        stdin=LINES)
    return [Mail(f"Python {SUBJECT}", provider.at("python"), LINES, "李雷", reply_to="李雷 <lilei@shop.example>")]


@case("Perl's MIME::Lite, with an attachment")
def mime_lite(provider):
    program = script("/srv/mime-lite.pl", """
        use MIME::Lite; use MIME::Base64; local $/; my $body = <STDIN>;
        my $mail = MIME::Lite->new(From => 'perl@shop.example', To => $ARGV[0], Bcc => $ARGV[1], Type => 'multipart/mixed',
            Subject => '=?UTF-8?B?' . encode_base64($ARGV[2], '') . '?=');
        $mail->attach(Type => 'text/plain; charset=utf-8', Encoding => 'quoted-printable', Data => $body);
        $mail->attach(Type => 'application/octet-stream', Encoding => 'base64', Filename => 'x.bin', Data => "\\0\\r\\n.\\n\\xff");
        $mail->send or die;
        """)
    run("perl", program, f"perl@{provider.domain}", f"blind@{provider.domain}", f"MIME::Lite {SUBJECT}", user="alice", stdin=LINES)
    return [Mail(f"MIME::Lite {SUBJECT}", provider.at("perl", "blind"), LINES, "perl at shop.example", attachment=b"\0\r\n.\n\xff")]


@case("Perl's Email::Sender")
def email_sender(provider):
    program = script("/srv/email-sender.pl", """
        use Email::Sender::Simple qw(sendmail); use Email::Sender::Transport::Sendmail; local $/; my $body = <STDIN>;
        my $mail = "From: Bug Tracker <bugs\\@shop.example>\nTo: $ARGV[0]\nSubject: Email::Sender\n"
            . "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n$body";
        sendmail($mail, { to => [$ARGV[0], $ARGV[1]], from => 'bugs\@shop.example',
            transport => Email::Sender::Transport::Sendmail->new });
        """)
    run("perl", program, f"sender@{provider.domain}", f"blind@{provider.domain}", user="alice", stdin=LINES)
    return [Mail("Email::Sender", provider.at("sender", "blind"), LINES, "Bug Tracker", reply_to="Bug Tracker <bugs@shop.example>")]


@case("Ruby's mail")
def ruby(provider):
    program = script("/srv/mail.rb", """
        require 'mail'
        text = STDIN.read
        Mail.defaults { delivery_method :sendmail }
        Mail.deliver do
          from 'Rails <rails@shop.example>'
          to [ARGV[0], ARGV[1]]
          bcc ARGV[2]
          subject ARGV[3]
          charset = 'UTF-8'
          text_part { content_type 'text/plain; charset=UTF-8'; body text }
          html_part { content_type 'text/html; charset=UTF-8'; body '<p>备份</p>' }
        end
        """)
    run("ruby", program, f"ruby@{provider.domain}", f"copy@{provider.domain}", f"blind@{provider.domain}", f"Ruby {SUBJECT}",
        user="bob", env={"LANG": "C.UTF-8"}, stdin=LINES)
    return [Mail(f"Ruby {SUBJECT}", provider.at("ruby", "copy", "blind"), LINES, "Rails", html="<p>备份</p>")]


@case("nodemailer's sendmail transport")
def nodemailer(provider):
    program = script("/srv/mail.js", """
        const transport = require('nodemailer').createTransport({ sendmail: true });
        const text = require('fs').readFileSync(0, 'utf8');
        transport.sendMail({ from: 'Node <node@shop.example>', to: process.argv[2], bcc: process.argv[3], subject: process.argv[4], text },
            (error) => { if (error) { console.error(error); process.exit(1); } });
        """)
    run("node", program, f"node@{provider.domain}", f"blind@{provider.domain}", f"Node {SUBJECT}", user="bob",
        env={"NODE_PATH": "/usr/share/nodejs"}, stdin=LINES)
    return [Mail(f"Node {SUBJECT}", provider.at("node", "blind"), LINES, "Node", reply_to="Node <node@shop.example>")]


SYMFONY = """<?php
    require '/usr/share/php/Symfony/Component/Mailer/autoload.php';
    $mail = (new Symfony\\Component\\Mime\\Email())->from('Shop <shop@shop.example>')->to($argv[2])->bcc($argv[3])
        ->subject($argv[4])->text(file_get_contents('php://stdin'))->html('<p>备份</p>');
    $transport = new Symfony\\Component\\Mailer\\Transport\\SendmailTransport($argv[1]);
    (new Symfony\\Component\\Mailer\\Mailer($transport))->send($mail);
    """


def symfony(provider, command, name):
    run("php", script("/srv/symfony.php", SYMFONY.replace("\\\\", "\\")), command, f"{name}@{provider.domain}", f"blind@{provider.domain}",
        f"Symfony {name} {SUBJECT}", user="www-data", stdin=LINES)
    return [Mail(f"Symfony {name} {SUBJECT}", provider.at(name, "blind"), LINES, "Shop", html="<p>备份</p>")]


@case("Symfony Mailer with -t")
def symfony_fields(provider):
    return symfony(provider, "/usr/sbin/sendmail -t -i", "fields")


@case("Symfony Mailer with -bs, its default, and as Laravel calls it")
def symfony_smtp(provider):
    return [*symfony(provider, "/usr/sbin/sendmail -bs", "smtp"), *symfony(provider, "/usr/sbin/sendmail -bs -i", "laravel")]


@case("swaks --pipe with -bs")
def swaks(provider):
    run("swaks", "--pipe", "/usr/sbin/sendmail -bs", "--from", "swaks@shop.example", "--to", f"swaks@{provider.domain},team",
        "--header", "Subject: swaks over a pipe", "--body", "-", user="bob", stdin="first\n.\n..two\nlast\n")
    return [Mail("swaks over a pipe", provider.at("swaks", "one", "two", "three"), sender="swaks at shop.example",
                 holds=("first\n.\n..two\nlast\n",))]


@case("git send-email")
def git(provider):
    repository = pathlib.Path("/srv/repository")
    if not repository.exists():
        repository.mkdir()
        for words in (["init", "-q"], ["config", "user.name", "李雷"], ["config", "user.email", "lilei@shop.example"]):
            run("git", *words, cwd=repository)
        script(repository / "file", LINES, 0o644)
        run("git", "add", "file", cwd=repository)
        run("git", "commit", "-q", "-m", f"{SUBJECT}\n\nWhy: 因为\n", cwd=repository)
    run("git", "send-email", "--quiet", "--confirm=never", "--suppress-cc=all", "--to", f"git@{provider.domain}",
        "--cc", f"copy@{provider.domain}", "-1", cwd=repository, env={"LANG": "C.UTF-8"})
    return [Mail(f"[PATCH] {SUBJECT}", provider.at("git", "copy"), sender="李雷", holds=("Why: 因为", "+..two dots", "+磁盘"))]
