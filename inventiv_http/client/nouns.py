"""All that can be asked, whichever client asks."""

from inventiv_http.client.catalog import Catalog
from inventiv_http.client.fleet import Fleet
from inventiv_http.client.identity import Identity
from inventiv_http.client.inference import Inference
from inventiv_http.client.keys import Keys
from inventiv_http.client.models import Models
from inventiv_http.client.money import Money
from inventiv_http.client.operating import Operating
from inventiv_http.client.realtime import Realtime
from inventiv_http.client.settings import Settings


class Nouns(
    Catalog,
    Fleet,
    Identity,
    Inference,
    Keys,
    Models,
    Money,
    Operating,
    Realtime,
    Settings,
):
    """Every call, by noun."""
