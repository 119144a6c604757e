// Reads requests as JSON lines and tells, for each, the signature that Twilio's
// own library makes and whether it believes the one that was given.
const twilio = require("twilio");
const lines = require("readline").createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const r = JSON.parse(line);
  const made = twilio.getExpectedTwilioSignature(r.token, r.url, r.form);
  const valid =
    r.body === undefined
      ? twilio.validateRequest(r.token, r.given, r.url, r.form)
      : twilio.validateRequestWithBody(r.token, r.given, r.url, r.body);
  console.log(JSON.stringify({ made, valid }));
});
