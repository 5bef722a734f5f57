"""Ordinary tests with the fixture `stream`: what this server promises to its own clients."""


def test_orders_come_in_order(stream):
    orders = stream(role="finite")
    assert [item.seq for item in orders.expect(3, within_ms=2_000)] == [1, 2, 3]
    orders.stall(100)
    orders.expect_end(within_ms=5_000)
    orders.assert_rules("OI")


def test_a_client_that_lost_its_connection_goes_on_where_it_was(stream):
    orders = stream(role="resumable")
    orders.expect(3, within_ms=2_000)
    orders.cancel()
    rest = orders.resume()
    assert rest.expect(1, within_ms=2_000)[0].seq == 4
    rest.expect_end(within_ms=5_000)
    rest.assert_rules("RC")
