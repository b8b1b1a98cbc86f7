import socket

import pytest

from opusmap.errors import SettingsError
from opusmap.local_server import configure, listen


def test_a_free_port_is_taken_and_a_second_program_is_refused_in_words():
    with listen("127.0.0.1", 0, "a studio") as listener:
        port = listener.getsockname()[1]
        with pytest.raises(
            SettingsError, match=f"port {port}: another program, perhaps a studio, uses it"
        ) as error:
            listen("127.0.0.1", port, "a studio")
    assert error.value.setting == "--port"
    assert error.value.help.startswith("stop that program, or choose another port")
    with listen("127.0.0.1", port, "a studio") as listener:
        assert listener.getsockname() == ("127.0.0.1", port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_number_that_is_no_port_is_refused(port):
    with pytest.raises(SettingsError, match="give a number from 0 to 65535"):
        listen("127.0.0.1", port, "a studio")


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "a" * 64, "\ud800"])
def test_a_host_that_is_not_this_machine_s_is_refused(host):
    with pytest.raises(SettingsError, match="can't listen on") as error:
        listen(host, 0, "an emulator")
    assert error.value.setting == "--host"
    assert error.value.help == "name an address of this machine, such as 127.0.0.1"


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_listened_on():
    with listen("::1", 0, "an emulator") as listener:
        assert listener.family == socket.AF_INET6


def test_the_server_says_neither_its_name_nor_what_it_is_asked():
    pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
    config = configure(lambda: None, 3)
    assert (config.server_header, config.access_log, config.proxy_headers) == (False, False, False)
    assert config.timeout_graceful_shutdown == 3
