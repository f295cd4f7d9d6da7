"""What a reader may not send or open is not offered on a finished page."""
from app.web.closing import closed

PAGE = """<a class="button" href="/console/staff">Staff</a><a href="/console/design?program=1">Look</a><a href="#top">Up</a>
<form class="group" method="post" action="/console/staff"><input name="name"><button>Keep</button></form>
<form method="post"><button>Here</button><button formaction="/console/staff/1/link">Link</button></form>
<form method="get" action="/console/staff"><button>Find</button></form>"""


def test_forms_and_links_that_would_be_refused_are_disabled_and_the_rest_is_as_it_was():
    shown = closed(PAGE, "/console/account", lambda method, address: not address.startswith("/console/staff"))
    assert '<form class="group" method="post" action="/console/staff"><fieldset class="closed" disabled><input name="name">' in shown
    assert '<button>Keep</button></fieldset></form>' in shown
    assert '<a class="button" aria-disabled="true">Staff</a>' in shown and '<a href="/console/design?program=1">Look</a>' in shown
    assert '<form method="post"><button>Here</button><button disabled formaction="/console/staff/1/link">Link</button></form>' in shown
    assert '<form method="get" action="/console/staff"><button>Find</button></form>' in shown, "what only asks changes nothing"


def test_a_page_whose_every_form_may_be_sent_stays_the_same_to_the_byte():
    assert closed(PAGE, "/console/account", lambda method, address: True) == PAGE


def test_a_form_without_an_action_goes_where_the_page_is():
    asked = []
    closed('<form method="post"><button>Keep</button></form>', "/console/settings", lambda *what: asked.append(what) or True)
    assert asked == [("POST", "/console/settings")]
