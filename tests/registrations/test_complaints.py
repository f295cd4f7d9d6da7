"""What phones write is told in plain words; what is not known is told as such and shown as it came."""
import pytest

from app.registrations.complaints import meaning_of

SERVICE = "https://cards.example.com/apple/x1"
WEB = f"[2026-11-22 04:00:00 +0000] Web service error for pass.x ({SERVICE}): "
GET = ("[2026-11-22 04:00:00 +0000] Get pass task (pass type pass.x, serial number AB12, if-modified-since (null); "
       f"with web service url {SERVICE}) encountered error: ")
LIST = f"[2026-11-22 04:00:00 +0000] Get serial numbers task (for device b33e3, pass type pass.x, last updated 7; with web service url " \
       f"{SERVICE}) encountered error: "
REGISTER = f"[2026-11-22 04:00:00 +0000] Register task (for device b33e3, pass type pass.x, serial number AB12; with web service url " \
           f"{SERVICE}) encountered error: "


@pytest.mark.parametrize(("line", "kind"), [
    (WEB + "Response to 'What changed?' request included 1 serial numbers but the lastUpdated tag (401) remained the same.",
     "tag_unchanged"),
    (WEB + "Response to 'What changed?' request omitted the lastUpdated tag.", "tag_missing"),
    (LIST + "Server response was malformed (lastUpdated must be a string, serialNumbers a list of strings).", "tag_missing"),
    (WEB + "Server did not provide a valid 'last-modified' header.", "date_missing"),
    (WEB + "Server ignored the 'if-modified-since' header (Sun, 22 Nov 2026 12:00:00 GMT) and returned the full unchanged pass data for "
     "serial number 'AB12'.", "date_ignored"),
    (WEB + "Server requested update to serial number 'AB12', but the pass was unchanged.", "unchanged"),
    (GET + "Authentication failure", "unauthorised"),
    (REGISTER + "Unexpected response code 401", "unauthorised"),
    (GET + "An SSL error has occurred and a secure connection to the server cannot be made.", "tls"),
    (REGISTER + "The certificate for this server is invalid. You might be connecting to a server that is pretending to be “cards”.", "tls"),
    (GET + "The operation couldn’t be completed. (NSURLErrorDomain error -1202.)", "tls"),
    (GET + "The passTypeIdentifier or teamIdentifier provided may not match your certificate, or the certificate trust chain could not be "
     "verified.", "identity"),
    (GET + "Signature must contain a signing date.", "signature"),
    (GET + "Signature validation failed: CMS error -26275", "signature"),
    (GET + "No entry in manifest for file pass.json", "manifest"),
    (GET + "The manifest's hash of icon.png is not that of the file.", "manifest"),
    (GET + "The serial number of the new pass does not match.", "replaced"),
    (GET + "authenticationToken is not the expected one: the new pass would not replace the old.", "replaced"),
    (WEB + "Pass contains duplicate field keys ('points'). This will be an error in a future release.", "fields"),
    (GET + "Invalid data error reading pass pass.x/AB12. Pass dictionary must contain key 'serialNumber'.", "content"),
    (LIST + "Server response was malformed (Missing response data)", "malformed"),
    (GET + "Unexpected response code 503", "failing"),
    (LIST + "The server answered 429.", "failing"),
    (GET + "The request timed out.", "unreachable"),
    (LIST + "Could not connect to the server.", "unreachable"),
    (REGISTER + "No answer (ConnectError).", "unreachable"),
    (GET + "Something new", "pass_refused"), (LIST + "Something new", "list_failed"), (REGISTER + "Something new", "register_failed"),
    ("x", "unknown"), ("", "unknown"), ("<script>alert(1)</script>", "unknown"),
])
def test_a_line_that_phones_are_known_to_write_is_understood(line, kind):
    assert meaning_of(line).kind == kind


def test_what_stands_in_an_address_or_a_serial_number_is_no_reason():
    line = GET.replace("AB12", "401").replace(SERVICE, "https://ssl.example.com/apple/manifest") + "The request timed out."
    assert meaning_of(line).kind == "unreachable"


def test_only_what_rights_itself_needs_nobody():
    assert not meaning_of(WEB + "Server requested update to serial number 'A', but the pass was unchanged.").needs_person
    assert not meaning_of(GET + "The request timed out.").needs_person
    assert meaning_of(GET + "Authentication failure").needs_person and meaning_of("x").needs_person
