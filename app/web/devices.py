"""What a browser says it is. Only what is offered first depends on it, and what is advised: nothing works less for a wrong guess."""
import re

# Browsers inside other apps: they open no wallet, keep no cookie for long, and hide the page when the app is left.
_IN_APP = {"Instagram": "Instagram", "FBAN": "Facebook", "FBAV": "Facebook", "FB_IAB": "Facebook", "Telegram": "Telegram",
           "VKAndroidApp": "VK", "VKClient": "VK", "vk.com": "VK", "MicroMessenger": "WeChat", "Line/": "LINE", "OKApp": "OK",
           "musical_ly": "TikTok", "BytedanceWebview": "TikTok"}
_PATTERN = re.compile("|".join(map(re.escape, _IN_APP)), re.IGNORECASE)
_NAMES = {mark.lower(): name for mark, name in _IN_APP.items()}


def device(user_agent: str) -> str:
    """`apple`, `android` or `desktop`: which buttons there are, and which comes first."""
    if "iPhone" in user_agent or "iPad" in user_agent or "iPod" in user_agent:
        return "apple"
    return "android" if "Android" in user_agent else "desktop"


def app_around(user_agent: str) -> str:
    """The app whose own browser this is; empty for a browser that stands alone, and for one that does not say."""
    found = _PATTERN.search(user_agent)
    return _NAMES[found[0].lower()] if found else ""


def chrome_link(address: str) -> str:
    """An address that Android opens in Chrome from within another app (Chrome, "Android Intents with Chrome"). address: http(s)."""
    scheme, _, rest = address.partition("://")
    return f"intent://{rest}#Intent;scheme={scheme};package=com.android.chrome;end"


# In this order: each browser names those that it descends from.
_BROWSERS = (("YaBrowser/", "Yandex"), ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
             ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
            ("Mac OS X", "macOS"), ("Linux", "Linux"))


def browser_name(user_agent: str) -> str:
    """A browser and its system in a few words, as its owner knows them: `Firefox, Windows`; empty for what is neither."""
    names = [next((name for mark, name in known if mark in user_agent), "") for known in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, names))
