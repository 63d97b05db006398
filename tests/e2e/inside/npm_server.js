// npm's smtp-server as a smarthost: node npm_server.js ADDRESS

const fs = require('fs');
const path = require('path');
const { randomUUID } = require('crypto');
const { SMTPServer } = require('smtp-server');

const place = '/srv/mail/npm';
for (const name of ['tmp', 'new']) {
    fs.mkdirSync(path.join(place, name), { recursive: true });
}

const server = new SMTPServer({
    secure: true,
    cert: fs.readFileSync('/etc/e2e/crt'),
    key: fs.readFileSync('/etc/e2e/key'),
    size: Number(process.env.E2E_SIZE),
    onAuth({ username, password }, session, done) {
        const known = username === process.env.E2E_ACCOUNT && password === process.env.E2E_PASSWORD;
        done(known ? null : new Error('Invalid login'), { user: username });
    },
    onRcptTo({ address }, session, done) {
        if (address.startsWith('refused')) {
            return done(Object.assign(new Error('5.1.1 User unknown'), { responseCode: 550 }));
        }
        done();
    },
    // Writes the mail into the Maildir; one file for all its recipients.
    onData(stream, session, done) {
        const { mailFrom, rcptTo } = session.envelope;
        const trace = [`Return-Path: <${mailFrom.address || ''}>`, ...rcptTo.map(({ address }) => `Delivered-To: ${address}`)];
        const pieces = [];
        stream.on('data', (piece) => pieces.push(piece));
        stream.on('end', () => {
            if (stream.sizeExceeded) {
                return done(Object.assign(new Error('5.3.4 Message too big'), { responseCode: 552 }));
            }
            const name = randomUUID();
            const text = Buffer.concat(pieces).toString('latin1').replace(/\r\n/g, '\n');
            fs.writeFileSync(path.join(place, 'tmp', name), Buffer.concat([Buffer.from(trace.join('\n') + '\n'), Buffer.from(text, 'latin1')]));
            fs.renameSync(path.join(place, 'tmp', name), path.join(place, 'new', name));
            done();
        });
    },
});
// A client that leaves early is no reason to end.
server.on('error', (error) => console.error(error));
server.listen(465, process.argv[2]);
