"""The bill of a launch cannot pass its budget, and every printed number errs on the safe side."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import budget
from infra.budget import SHORTEST_MONTH_H, HourlyCost, Promise, promise
from infra.errors import UserError
from infra.settings import MOST_HOURS

NOW = datetime(2026, 11, 20, 10, 0, 0, 123456, tzinfo=timezone.utc)
# 0.526 + 0.005 + 4.80/672 = 0.53814...
G4DN = HourlyCost(usd_instance_per_hour=0.526, usd_disk_per_month=4.80, usd_address_per_hour=0.005)

prices = st.builds(
    HourlyCost,
    usd_instance_per_hour=st.floats(0.004, 200),
    usd_disk_per_month=st.floats(0, 200),
    usd_address_per_hour=st.just(0.005),
    usd_instance_most_per_hour=st.floats(0, 300),
)
budgets = st.floats(0.001, 1000)


def billed(price: HourlyCost, kept: Promise, *, late_s: float) -> float:
    """What AWS asks for a machine that was switched off *late_s* after its deadline, reckoned afresh."""
    hours = max((kept.deadline - NOW).total_seconds() + late_s, 60) / 3600
    machine = max(price.usd_instance_per_hour, price.usd_instance_most_per_hour)
    return hours * (machine + price.usd_disk_per_month / (28 * 24) + price.usd_address_per_hour)


@given(prices, budgets)
def test_no_machine_that_is_off_twelve_minutes_after_its_deadline_costs_more_than_its_budget(
    price: HourlyCost, usd_budget: float
) -> None:
    try:
        kept = promise(price, hours=8, usd_budget=usd_budget, now=NOW)
    except UserError:
        return

    assert billed(price, kept, late_s=12 * 60) <= kept.usd_worst * (1 + 1e-9)
    assert kept.usd_worst <= usd_budget
    assert kept.hours <= MOST_HOURS
    assert kept.limit == ("budget" if kept.hours < MOST_HOURS else "the most, 720 hours")


@given(prices, budgets)
def test_a_refused_budget_is_told_one_that_is_enough(price: HourlyCost, usd_budget: float) -> None:
    try:
        promise(price, hours=8, usd_budget=usd_budget, now=NOW)
    except UserError as refusal:
        enough = float(refusal.hint.split()[0].removeprefix("BUDGET="))

        assert enough >= usd_budget
        assert promise(price, hours=8, usd_budget=enough, now=NOW).hours >= 0.05


@given(prices, st.floats(1, 500), st.floats(1, 2))
def test_more_money_never_buys_less_time(price: HourlyCost, usd_budget: float, factor: float) -> None:
    try:
        less = promise(price, hours=8, usd_budget=usd_budget, now=NOW)
    except UserError:
        return

    assert promise(price, hours=8, usd_budget=usd_budget * factor, now=NOW).deadline >= less.deadline


def test_hours_set_the_deadline_when_there_is_no_budget() -> None:
    kept = promise(G4DN, hours=8, usd_budget=None, now=NOW)

    assert kept.deadline == datetime(2026, 11, 20, 18, 0, 0, tzinfo=timezone.utc)
    assert (kept.hours, kept.limit) == (8, "hours")
    assert kept.usd_worst == pytest.approx(8.2 * (0.526 + 0.005 + 4.80 / 672), abs=1e-3)
    assert str(kept) == (
        "off by 2026-11-20 18:00 UTC, $4.42 at most "
        "(the machine, its disk and its public address while it runs, and 12 minutes to switch off)"
    )


def test_five_dollars_buy_nine_hours_of_a_t4() -> None:
    assert budget.duration(promise(G4DN, hours=1, usd_budget=5, now=NOW).hours * 3600) == "9 h 05 min"


def test_a_budget_below_the_time_to_switch_off_is_refused_with_the_least_that_works() -> None:
    with pytest.raises(UserError) as refusal:
        promise(G4DN, hours=8, usd_budget=0.10, now=NOW)

    assert refusal.value.cause == (
        "A budget of $0.10 is too small: at $0.5381/h the least that makes sense is $0.14, "
        "for 3 minutes of work and 12 to switch off."
    )
    assert refusal.value.hint.startswith("BUDGET=0.14 ")


def test_spot_is_promised_at_the_price_it_cannot_pass() -> None:
    spot = HourlyCost(
        usd_instance_per_hour=0.2, usd_disk_per_month=0, usd_address_per_hour=0, usd_instance_most_per_hour=0.5
    )

    assert spot.usd_per_hour == 0.2
    assert promise(spot, hours=1, usd_budget=None, now=NOW).usd_worst == pytest.approx(0.5 * 1.2, abs=1e-3)


def test_an_extended_deadline_raises_the_worst_case_by_the_hours_added() -> None:
    kept = promise(G4DN, hours=8, usd_budget=None, now=NOW)
    moved = budget.usd_worst(G4DN, started_at=NOW, deadline=kept.deadline + timedelta(hours=2))

    assert moved - kept.usd_worst == pytest.approx(2 * G4DN.usd_most_per_hour)


def test_the_first_minute_of_a_start_is_paid_whole() -> None:
    assert budget.usd_spent(60.0, started_at=NOW, now=NOW + timedelta(seconds=5)) == 1.0
    assert budget.usd_spent(60.0, started_at=NOW, now=NOW + timedelta(minutes=5)) == 5.0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0.00"), (0.3, "$0.30"), (0.1 + 0.2, "$0.30"), (4.261, "$4.27"), (0.0201, "$0.021"), (969, "$969.00")],
)
def test_money_is_rounded_up(amount: float, text: str) -> None:
    assert budget.usd(amount) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(28739, "7 h 58 min"), (3600, "1 h 00 min"), (759, "12 min"), (-3, "0 s")]
)
def test_time_left_is_rounded_down(seconds: float, text: str) -> None:
    assert budget.duration(seconds) == text


@pytest.mark.parametrize(("text", "hours"), [("2h", 2), ("90m", 1.5), ("1h30m", 1.5), ("1.5h", 1.5), ("15 min", 0.25)])
def test_a_time_is_read_as_people_write_it(text: str, hours: float) -> None:
    assert budget.hours_in(text) == hours


@pytest.mark.parametrize("text", ["", "h", "0h", "-2h", "two hours", "inf", "1.5"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        budget.hours_in(text)


def test_a_plain_number_may_be_hours_or_minutes_so_it_is_asked_for() -> None:
    with pytest.raises(UserError) as refused:
        budget.hours_in("20")
    assert str(refused.value) == "'20' is not a time.\n  -> say 20h or 20m"


def test_a_group_is_one_budget_over_all_its_machines_with_their_alarms() -> None:
    one = HourlyCost(usd_instance_per_hour=0.5, usd_disk_per_month=4.8, usd_address_per_hour=0.005)
    four, many = one.of(4, usd_alarm_per_month=0.1), one.of(64, usd_alarm_per_month=0.1)

    assert four == one.of(4), "ten alarms are free"
    assert one.of(1) == one
    alarms = many.usd_per_hour - 64 * one.usd_per_hour
    assert alarms == pytest.approx((128 - 10) * 0.1 / SHORTEST_MONTH_H)
    paid = promise(four, hours=8, usd_budget=10, now=NOW)
    assert paid.usd_worst <= 10
    assert paid.hours < promise(one, hours=8, usd_budget=10, now=NOW).hours / 3.9
