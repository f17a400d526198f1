"""tools/import-prices, run as a program: what it writes, what it says."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "import-prices"
SHIPPED = ROOT / "etc" / "prices.json"
EXTRA = ROOT / "tools" / "prices-extra.json"
SELECT = ROOT / "tools" / "prices.select"


def run(*arguments, stdin=None):
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)], input=stdin,
        capture_output=True, text=True, encoding="utf-8", timeout=60)


def entry(text, mode="chat"):
    """One entry of the de-facto format; text: its price fields as JSON, so
    that a test says the digits itself."""
    return (f'{{"litellm_provider": "p", "mode": "{mode}"'
            + (", " + text if text else "") + "}")


IN_OUT = '"input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06'


def convert(tmp_path, text, *arguments):
    """The models that one file of entries becomes."""
    source = tmp_path / "source.json"
    source.write_text(text, encoding="utf-8")
    done = run(source, "--version-label", "v", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["models"]


def one(tmp_path, fields, mode="chat"):
    return convert(tmp_path, '{"m": ' + entry(fields, mode) + "}")["m"]


def refused(tmp_path, text, *arguments):
    source = tmp_path / "source.json"
    source.write_text(text, encoding="utf-8")
    target = tmp_path / "out.json"
    done = run(source, "--output", target, *arguments)
    assert done.returncode == 2, done.stdout
    assert not target.exists()
    assert "Traceback" not in done.stderr
    return done.stderr


# ---- exactness ---------------------------------------------------------------

@pytest.mark.parametrize("literal, pico", [
    ("2.5e-06", 2_500_000),
    ("1e-12", 1),
    ("0.000000000003", 3),
    ("3.625e-09", 3625),
    ("0.0000006000", 600_000),
    ("1.23456789012e-01", None),           # 0.12 USD a token: implausible
    ("0.000123456789", 123_456_789),
    ("2.9999999999999997e-06", 3_000_000),  # a float's own idea of 3e-06
    ("4.9e-13", 0),
    ("5e-13", 1),
    ("2e-06", 2_000_000),
    ("0", 0),
    ("0.0", 0),
])
def test_a_price_keeps_every_digit_down_to_one_pico_dollar(
        tmp_path, literal, pico):
    text = ('{"keep": ' + entry(IN_OUT) + ', "m": ' + entry(
        f'"input_cost_per_token": {literal}, "output_cost_per_token": 1e-06')
        + "}")
    models = convert(tmp_path, text)
    if pico is None:
        assert "m" not in models
    else:
        assert models["m"]["input_pico"] == pico


def test_prices_are_never_floats_or_strings(tmp_path):
    model = one(tmp_path, IN_OUT + ', "cache_read_input_token_cost": 1e-07')
    for key, value in model.items():
        if key.endswith("_pico"):
            assert type(value) is int, key


def test_digits_below_a_pico_dollar_are_counted_and_named(tmp_path):
    source = tmp_path / "source.json"
    source.write_text('{"odd": ' + entry(
        '"input_cost_per_token": 1.0000005e-06, '
        '"output_cost_per_token": 4e-06') + "}")
    done = run(source)
    assert json.loads(done.stdout)["models"]["odd"]["input_pico"] == 1_000_001
    assert "rounded half up: 1: odd input_cost_per_token" in done.stderr


def test_a_huge_exponent_costs_no_memory_and_no_time(tmp_path):
    assert one(tmp_path, '"input_cost_per_token": 1e-999999999, '
               '"output_cost_per_token": 0')["input_pico"] == 0
    for literal in ("1e999999999", "1e99999999999999999999", "9" * 5000,
                    "0." + "1" * 5000, "NaN", "Infinity"):
        said = refused(tmp_path, '{"big": ' + entry(
            f'"input_cost_per_token": {literal}') + "}")
        assert 'model "big": input_cost_per_token' in said


def test_a_price_per_million_in_the_wrong_field_is_left_out(tmp_path):
    source = tmp_path / "source.json"
    source.write_text('{"good": ' + entry(IN_OUT) + ', "slip": ' + entry(
        '"input_cost_per_token": 2.5, "output_cost_per_token": 10') + "}")
    done = run(source)
    assert list(json.loads(done.stdout)["models"]) == ["good"]
    assert "implausible price, left out: 1: slip" in done.stderr
    done = run(source, "--max-token-price", "0.000002")
    assert "implausible price, left out: 2: good, slip" in done.stderr


# ---- what a field becomes -----------------------------------------------------

@pytest.mark.parametrize("field, key", [
    ("cache_read_input_token_cost", "cached_input_pico"),
    ("input_cost_per_token_cache_hit", "cached_input_pico"),
    ("cache_creation_input_token_cost", "cache_write_pico"),
    ("cache_creation_input_token_cost_above_1hr", "cache_write_1h_pico"),
    ("output_cost_per_reasoning_token", "reasoning_pico"),
    ("input_cost_per_audio_token", "audio_input_pico"),
    ("cache_read_input_audio_token_cost", "cached_audio_input_pico"),
    ("output_cost_per_audio_token", "audio_output_pico"),
    ("input_cost_per_image_token", "image_input_pico"),
    ("output_cost_per_image_token", "image_output_pico"),
    ("citation_cost_per_token", "citation_pico"),
    ("input_cost_per_request", "per_request_pico"),
    ("input_cost_per_second", "per_input_second_pico"),
    ("output_cost_per_image", "per_output_image_pico"),
    ("input_cost_per_character", "per_input_character_pico"),
    ("ocr_cost_per_page", "per_page_pico"),
])
def test_each_price_field_has_its_key(tmp_path, field, key):
    model = one(tmp_path, f'{IN_OUT}, "{field}": 2e-07')
    assert model[key] == 200_000


def test_the_newer_spelling_of_a_cache_hit_wins(tmp_path):
    old = '"input_cost_per_token_cache_hit": 3e-07'
    new = '"cache_read_input_token_cost": 1e-07'
    for pair in (f"{old}, {new}", f"{new}, {old}"):
        assert one(tmp_path, f"{IN_OUT}, {pair}")["cached_input_pico"] \
            == 100_000


def test_search_prices_and_multipliers_come_out_of_their_objects(tmp_path):
    model = one(tmp_path, IN_OUT + ', "search_context_cost_per_query": '
                '{"search_context_size_low": 0.005, '
                '"search_context_size_high": 0.014}, '
                '"provider_specific_entry": {"us": 1.1, "fast": 6.0}, '
                '"regional_processing_uplift_multiplier_eu": 1.1')
    assert model["per_search_low_pico"] == 5_000_000_000
    assert model["per_search_high_pico"] == 14_000_000_000
    assert model["multipliers_permille"] == {
        "fast": 6000, "geo_eu": 1100, "geo_us": 1100}


WINDOWS = ('[{"weekdays": [1, 2], "hours_utc": ["00:00-01:00", '
           '"10:00-00:00"]}, {"weekdays": 7, "hours_utc": "00:00-00:00"}]')
CHEAPER = ', "off_peak_pricing": {%s, "windows": %s}'
HALF = '"input_cost_per_token": 5e-07, "output_cost_per_token": 1e-06'
IN_OUT_CACHED = ('"input_cost_per_token": 1e-06, "output_cost_per_token": '
                 '2e-06, "cache_creation_input_token_cost": 0')


def test_off_peak_prices_are_a_factor_and_its_windows(tmp_path):
    model = one(tmp_path, IN_OUT_CACHED + CHEAPER % (HALF, WINDOWS))
    assert model["multipliers_permille"] == {"off_peak": 500}
    assert model["off_peak_windows"] == [
        {"weekdays": [1, 2], "hours_utc": ["00:00-01:00", "10:00-00:00"]},
        {"weekdays": [7], "hours_utc": ["00:00-00:00"]}]


def test_off_peak_hours_of_every_day(tmp_path):
    model = one(tmp_path, IN_OUT_CACHED + ', "off_peak_pricing": {%s, '
                '"hours_utc": "16:30-00:30"}' % HALF)
    assert model["off_peak_windows"] == [{"hours_utc": ["16:30-00:30"]}]


@pytest.mark.parametrize("more", [
    CHEAPER % (HALF, "7"),
    CHEAPER % (HALF + ', "hours_utc": "16:30-00:30"', WINDOWS),
    CHEAPER % (HALF, '[{"hours_utc": "10:15-11:00"}]'),
    CHEAPER % (HALF + ', "weekday_timezone": "Asia/Shanghai"', WINDOWS),
    CHEAPER % ('"input_cost_per_token": 5e-07', WINDOWS),
    CHEAPER % ('"input_cost_per_token": 5e-07, '
               '"output_cost_per_token": 9e-07', WINDOWS),
    CHEAPER % ('"input_cost_per_token": 2e-06, '
               '"output_cost_per_token": 4e-06', WINDOWS),
    CHEAPER % (HALF, WINDOWS) + ', "cache_read_input_token_cost": 1e-07',
    ', "off_peak_pricing": 7',
])
def test_off_peak_prices_that_are_no_factor_are_left_out(tmp_path, more):
    model = one(tmp_path, IN_OUT_CACHED + more)
    assert "multipliers_permille" not in model
    assert "off_peak_windows" not in model


def test_searches_of_all_sizes_at_one_price_have_one_key(tmp_path):
    model = one(tmp_path, IN_OUT + ', "search_context_cost_per_query": '
                '{"search_context_size_low": 0.01, '
                '"search_context_size_medium": 0.01, '
                '"search_context_size_high": 0.01}')
    assert [key for key in model if "search" in key] == ["per_search_pico"]
    assert model["per_search_pico"] == 10_000_000_000


def test_searches_cost_what_the_vendor_says_where_the_entry_does_not(tmp_path):
    own = IN_OUT + (', "search_context_cost_per_query": '
                    '{"search_context_size_medium": 0.035}')
    text = ('{"a-1": ' + entry(IN_OUT) + ', "b-1": ' + entry(IN_OUT)
            + ', "stated": ' + entry(own)
            + ', "vectors": ' + entry(IN_OUT, "embedding") + "}")
    models = convert(tmp_path, text, "--search", "p:a-*=0.025",
                     "--search", "p:*=0.01", "--search", "q:*=9")
    prices = {name: {key: price for key, price in model.items()
                     if key.startswith("per_")}
              for name, model in models.items()}
    assert prices == {"a-1": {"per_search_pico": 25_000_000_000},
                      "b-1": {"per_search_pico": 10_000_000_000},
                      "stated": {"per_search_medium_pico": 35_000_000_000},
                      "vectors": {}}
    assert models["b-1"]["derived"] == ["per_search"]
    assert "derived" not in models["stated"]


@pytest.mark.parametrize("rule", [
    "openai=0.01", "openai:*", "openai:*=x", ":*=0.01", "openai:=0.01",
    "openai:*=0", "openai:*=1e-13", "openai:*=10001"])
def test_a_rule_for_searches_that_is_none_is_refused(tmp_path, rule):
    words = refused(tmp_path, '{"m": ' + entry(IN_OUT) + "}", "--search", rule)
    assert "--search" in words


def test_token_limits_may_be_whole_floats_and_max_tokens_fills_in(tmp_path):
    assert one(tmp_path, IN_OUT + ', "max_input_tokens": 2000000.0, '
               '"max_tokens": 8192')["max_output_tokens"] == 8192
    embedding = one(tmp_path, '"input_cost_per_token": 1e-07, '
                    '"max_tokens": 512', "embedding")
    assert embedding["max_input_tokens"] == 512


def test_provider_mode_and_note_are_kept(tmp_path):
    model = one(tmp_path, IN_OUT + ', "note": "as told"')
    assert (model["provider"], model["mode"], model["note"]) == (
        "p", "chat", "as told")


def test_what_costs_the_same_as_its_whole_is_left_out(tmp_path):
    model = one(tmp_path, IN_OUT + ', "output_cost_per_reasoning_token": '
                '4e-06, "cache_creation_input_token_cost": 1e-06')
    assert "reasoning_pico" not in model and "cache_write_pico" not in model


def test_a_zero_for_part_of_a_paid_prompt_is_no_free_ride(tmp_path):
    source = tmp_path / "source.json"
    source.write_text('{"m": ' + entry(
        IN_OUT + ', "cache_creation_input_token_cost": 0.0, '
        '"output_cost_per_reasoning_token": 0') + "}")
    done = run(source)
    model = json.loads(done.stdout)["models"]["m"]
    assert "cache_write_pico" not in model and "reasoning_pico" not in model
    assert "taken as no price: 2" in done.stderr


def test_a_free_model_stays_free(tmp_path):
    model = one(tmp_path, '"input_cost_per_token": 0, '
                '"output_cost_per_token": 0.0')
    assert (model["input_pico"], model["output_pico"]) == (0, 0)


# ---- tiers and service tiers --------------------------------------------------

def test_two_tiers_sort_by_number_not_as_text(tmp_path):
    model = one(tmp_path, IN_OUT
                + ', "input_cost_per_token_above_256k_tokens": 3e-06'
                + ', "output_cost_per_token_above_256k_tokens": 9e-06'
                + ', "input_cost_per_token_above_128k_tokens": 2e-06'
                + ', "output_cost_per_token_above_128k_tokens": 8e-06'
                + ', "input_cost_per_token_above_1024k_tokens": 5e-06'
                + ', "output_cost_per_token_above_1024k_tokens": 1e-05')
    assert [(t["above_tokens"], t["input_pico"], t["output_pico"])
            for t in model["tiers"]] == [
        (128_000, 2_000_000, 8_000_000), (256_000, 3_000_000, 9_000_000),
        (1_024_000, 5_000_000, 10_000_000)]


def test_the_one_hour_write_and_a_tier_in_one_name(tmp_path):
    model = one(tmp_path, IN_OUT
                + ', "cache_creation_input_token_cost_above_1hr": 2e-06'
                + ', "input_cost_per_token_above_200k_tokens": 2e-06'
                + ', "output_cost_per_token_above_200k_tokens": 6e-06, '
                '"cache_creation_input_token_cost_above_1hr'
                '_above_200k_tokens": 5e-06')
    assert model["tiers"] == [{
        "above_tokens": 200_000, "input_pico": 2_000_000,
        "output_pico": 6_000_000, "cache_write_1h_pico": 5_000_000}]


def test_ranges_become_base_prices_and_tiers(tmp_path):
    model = one(tmp_path, '''"tiered_pricing": [
        {"range": [256000.0, 1000000.0], "input_cost_per_token": 1.2e-06,
         "output_cost_per_token": 3.6e-06},
        {"range": [0, 256000.0], "input_cost_per_token": 4e-07,
         "output_cost_per_token": 1.2e-06}]''')
    assert model["input_pico"] == 400_000
    assert model["tiers"] == [{"above_tokens": 256_000,
                               "input_pico": 1_200_000,
                               "output_pico": 3_600_000}]


def test_service_tiers_have_rows_of_their_own(tmp_path):
    model = one(tmp_path, IN_OUT
                + ', "input_cost_per_token_priority": 2e-06'
                + ', "output_cost_per_token_priority": 8e-06'
                + ', "input_cost_per_token_batches": 5e-07'
                + ', "output_cost_per_token_batches": 2e-06'
                + ', "input_cost_per_token_above_200k_tokens": 2e-06'
                + ', "output_cost_per_token_above_200k_tokens": 6e-06'
                + ', "input_cost_per_token_above_200k_tokens_priority": 5e-06'
                + ', "output_cost_per_token_above_200k_tokens_priority": '
                '1.5e-05')
    assert model["priority"] == {
        "input_pico": 2_000_000, "output_pico": 8_000_000,
        "tiers": [{"above_tokens": 200_000, "input_pico": 5_000_000,
                   "output_pico": 15_000_000}]}
    # No tier was given for batch: the model's, at batch's half price.
    assert model["batch"]["tiers"] == [{
        "above_tokens": 200_000, "input_pico": 1_000_000,
        "output_pico": 3_000_000}]
    assert model["derived"] == ["batch.tiers.200000"]


def test_fireworks_takes_half_for_cached_tokens(tmp_path):
    models = convert(
        tmp_path,
        '{"a": {"litellm_provider": "fireworks_ai", ' + IN_OUT + "}, "
        '"b": {"litellm_provider": "fireworks_ai", ' + IN_OUT
        + ', "cache_read_input_token_cost": 1e-07}}')
    assert models["a"]["cached_input_pico"] == 500_000
    assert models["a"]["derived"] == ["cached_input"]
    assert models["b"]["cached_input_pico"] == 100_000


def test_a_service_keeps_its_ratio_where_a_tier_names_sound_alone(tmp_path):
    model = one(tmp_path, IN_OUT
                + ', "input_cost_per_token_flex": 5e-07'
                + ', "output_cost_per_token_flex": 2e-06'
                + ', "input_cost_per_audio_token": 3e-06'
                + ', "input_cost_per_audio_token_flex": 1.5e-06'
                + ', "input_cost_per_audio_token_above_200k_tokens": 4e-06'
                + ', "input_cost_per_audio_token_above_200k_tokens_flex": '
                '2e-06')
    assert model["flex"]["tiers"] == [{
        "above_tokens": 200_000, "input_pico": 500_000,
        "output_pico": 2_000_000, "audio_input_pico": 2_000_000}]


def test_a_row_is_completed_in_the_ratio_of_its_own_prices(tmp_path):
    model = one(tmp_path, IN_OUT
                + ', "cache_read_input_token_cost": 1e-07'
                + ', "cache_creation_input_token_cost": 1.25e-06'
                + ', "cache_creation_input_token_cost_above_1hr": 2e-06'
                + ', "output_cost_per_reasoning_token": 4e-06'
                + ', "input_cost_per_token_above_200k_tokens": 3e-06'
                + ', "output_cost_per_token_above_200k_tokens": 6e-06'
                + ', "cache_creation_input_token_cost_above_200k_tokens": '
                '2.5e-06')
    assert model["tiers"] == [{
        "above_tokens": 200_000, "input_pico": 3_000_000,
        "output_pico": 6_000_000,
        "cached_input_pico": 300_000,       # as input: × 3
        "cache_write_pico": 2_500_000,      # given
        "cache_write_1h_pico": 4_000_000,   # as cache_write: × 2
    }]
    assert model["derived"] == ["tiers.200000.cached_input",
                                "tiers.200000.cache_write_1h"]


def test_a_derived_price_rounds_up(tmp_path):
    model = one(tmp_path, '"input_cost_per_token": 3e-12, '
                '"output_cost_per_token": 3e-12, '
                '"cache_read_input_token_cost": 1e-12, '
                '"input_cost_per_token_batches": 2e-12, '
                '"output_cost_per_token_batches": 2e-12')
    assert model["batch"] == {"input_pico": 2, "output_pico": 2,
                              "cached_input_pico": 1}


# ---- what is taken --------------------------------------------------------------

THREE = ('{"sample_spec": {"input_cost_per_token": "text"}, '
         '"b": {"litellm_provider": "openai", "mode": "chat", ' + IN_OUT + '},'
         '"a/x": {"litellm_provider": "groq", "mode": "chat", ' + IN_OUT + '},'
         '"a/e": {"litellm_provider": "groq", "mode": "embedding", '
         '"input_cost_per_token": 1e-08}}')


@pytest.mark.parametrize("arguments, names", [
    ((), ["a/e", "a/x", "b"]),
    (("--only", "a/*"), ["a/e", "a/x"]),
    (("--only", "b", "--only", "a/e"), ["a/e", "b"]),
    (("--exclude", "a/*"), ["b"]),
    (("--only", "a/*", "--exclude", "*e"), ["a/x"]),
    (("--providers", "groq"), ["a/e", "a/x"]),
    (("--providers", "open*,groq", "--modes", "chat"), ["a/x", "b"]),
])
def test_filters_and_order(tmp_path, arguments, names):
    assert list(convert(tmp_path, THREE, *arguments)) == names


def test_nothing_left_is_an_error_not_an_empty_table(tmp_path):
    said = refused(tmp_path, THREE, "--only", "zzz", "--quiet")
    assert "3 not asked for, 0 models left, nothing written" in said


def test_arguments_from_a_file_may_have_comments(tmp_path):
    chosen = tmp_path / "chosen"
    chosen.write_text("# only groq\n--providers groq  # two of them\n"
                      "--exclude 'a/e'\n")
    assert list(convert(tmp_path, THREE, f"@{chosen}")) == ["a/x"]


def test_a_bad_entry_that_was_not_asked_for_does_no_harm(tmp_path):
    text = ('{"good": ' + entry(IN_OUT)
            + ', "bad": {"litellm_provider": "q", '
            '"input_cost_per_token": -1}}')
    assert list(convert(tmp_path, text, "--providers", "p")) == ["good"]


def test_the_later_input_wins_as_a_whole(tmp_path):
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text('{"m": ' + entry(
        IN_OUT + ', "cache_read_input_token_cost": 1e-07')
        + ', "n": ' + entry(IN_OUT) + "}")
    second.write_text('{"m": ' + entry(
        '"input_cost_per_token": 7e-06, "output_cost_per_token": 8e-06')
        + "}")
    done = run(first, second, "--quiet")
    table = json.loads(done.stdout)
    assert table["models"]["m"] == {
        "provider": "p", "mode": "chat", "input_pico": 7_000_000,
        "output_pico": 8_000_000}
    assert set(table["models"]) == {"m", "n"}
    assert table["source"] == "1.json, 2.json"
    assert done.stderr == ""


def test_a_later_entry_without_a_price_takes_the_earlier_one_away(tmp_path):
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text('{"m": ' + entry(IN_OUT) + ', "n": ' + entry(IN_OUT)
                     + "}")
    second.write_text('{"m": ' + entry('"input_cost_per_token": 1e-06') + "}")
    assert list(json.loads(run(first, second).stdout)["models"]) == ["n"]


def test_standard_input_is_read_once(tmp_path):
    done = run("-", "--list", stdin=THREE)
    assert done.returncode == 0
    assert "a/x" in done.stdout
    assert run("-", "-", stdin=THREE).returncode == 2


def test_a_table_in_our_form_is_an_input_too(tmp_path):
    own, mine = tmp_path / "own.json", tmp_path / "mine.json"
    own.write_text(run("-", stdin=THREE).stdout)
    mine.write_text('{"b": ' + entry(
        '"input_cost_per_token": 9e-06, "output_cost_per_token": 9e-06')
        + "}")
    models = json.loads(run(own, mine).stdout)["models"]
    assert models["b"]["input_pico"] == 9_000_000
    assert models["a/e"]["input_pico"] == 10_000


def test_the_report_counts_what_the_table_does_not_carry(tmp_path):
    source = tmp_path / "source.json"
    source.write_text('{"m": ' + entry(
        IN_OUT + ', "supports_vision": true, "colour": "red", '
        '"output_cost_per_smell": 1e-03') + ', "none": ' + entry("")
        + ', "half": ' + entry('"input_cost_per_token": 1e-06') + "}")
    said = run(source).stderr
    assert "unknown fields: colour (1, m)" in said
    assert "does not carry: output_cost_per_smell (1, m)" in said
    assert "without a usable price, left out: 2: none, half" in said
    assert "supports_vision" not in said


def test_the_list_is_in_dollars_per_million(tmp_path):
    done = run("-", "--list", "--quiet", stdin='{"m": ' + entry(
        '"input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05, '
        '"cache_read_input_token_cost": 3.625e-09, '
        '"max_input_tokens": 128000') + "}")
    assert done.stdout.splitlines()[1].split() == [
        "m", "p", "chat", "2.5", "0.003625", "10", "-", "128000"]


# ---- bad input -------------------------------------------------------------------

@pytest.mark.parametrize("fields, words", [
    ('"input_cost_per_token": -1e-06', "input_cost_per_token: negative"),
    ('"input_cost_per_token": "1e-06"',
     'input_cost_per_token: must be a number, not a string ("1e-06")'),
    ('"input_cost_per_token": true',
     "input_cost_per_token: must be a number, not true or false"),
    ('"output_cost_per_token": {}',
     "output_cost_per_token: must be a number, not an object"),
    ('"output_cost_per_token_above_200k_tokens": []',
     "output_cost_per_token_above_200k_tokens: must be a number"),
    ('"input_cost_per_token_above_0k_tokens": 1e-06', "tier out of range"),
    ('"max_input_tokens": 1.5', "max_input_tokens: must be a whole number"),
    ('"max_tokens": "many"', "max_tokens: must be a number"),
    ('"tiered_pricing": {}', "tiered_pricing: must be a list"),
    ('"tiered_pricing": [{"range": [0]}]', "no range of two numbers"),
    ('"search_context_cost_per_query": {"search_context_size_low": "x"}',
     "search_context_cost_per_query.search_context_size_low: must be"),
    ('"provider_specific_entry": {"us": 1.00001}', "in thousandths"),
    (", ".join(f'"input_cost_per_token_above_{n}k_tokens": 1e-06'
               for n in range(1, 6)), "5 tiers, at most 4"),
    ('"note": 7', "note: must be a string"),
    ('"input_cost_per_request": 20000', "out of range"),
    (IN_OUT + ', "input_cost_per_token": 2e-06', "fields named twice"),
])
def test_a_wrong_field_is_named_with_its_model(tmp_path, fields, words):
    said = refused(tmp_path, '{"fine": ' + entry(IN_OUT)
                   + ', "the/model": ' + entry(fields) + "}")
    assert 'source.json: model "the/model": ' in said
    assert words in said
    assert '"fine"' not in said


@pytest.mark.parametrize("text, words", [
    ("", "not JSON"),
    ("{", "not JSON"),
    ('{"m": {"input_cost_per_token": 1e-}}', "line 1, column"),
    ("[]", "must be a JSON object, not a list"),
    ("7", "must be a JSON object, not a number"),
    ('{"m": 7}', 'model "m": must be an object, not a number'),
    ('{"m": null}', 'model "m": must be an object, not null'),
    ('{"": ' + entry(IN_OUT) + "}", "name must have"),
    ('{"a\\nb": ' + entry(IN_OUT) + "}", "must be printable"),
    ('{"' + "n" * 257 + '": ' + entry(IN_OUT) + "}", "name must have"),
    ('{"m": {"mode": "chat", ' + IN_OUT + "}}", "litellm_provider: missing"),
])
def test_a_file_that_is_no_price_file_is_refused(tmp_path, text, words):
    assert words in refused(tmp_path, text)


def test_deep_nesting_is_refused(tmp_path):
    deep = '{"m": ' + "[" * 100_000 + "]" * 100_000 + "}"
    assert "nested too deeply" in refused(tmp_path, deep)


def test_every_fault_is_told_at_once_and_nothing_is_written(tmp_path):
    text = "{" + ", ".join(
        f'"m{i}": ' + entry('"input_cost_per_token": -1') for i in range(60)
        ) + "}"
    said = refused(tmp_path, text)
    assert said.count("negative") == 50 and "and 10 more" in said


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    source = tmp_path / "source.json"
    source.write_bytes(b'{"m\xff": {}}')
    done = run(source)
    assert done.returncode == 2 and "not UTF-8 at byte 3" in done.stderr


def test_files_that_are_not_there(tmp_path):
    done = run(tmp_path / "none.json")
    assert done.returncode == 2 and "cannot be read" in done.stderr
    source = tmp_path / "source.json"
    source.write_text(THREE)
    done = run(source, "--output", tmp_path / "no" / "out.json")
    assert done.returncode == 2 and "cannot be written" in done.stderr


def test_a_failed_run_keeps_the_table_that_was_there(tmp_path):
    target = tmp_path / "out.json"
    target.write_text("old")
    source = tmp_path / "source.json"
    source.write_text('{"m": ' + entry('"input_cost_per_token": -1') + "}")
    assert run(source, "--output", target).returncode == 2
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out.json", "source.json"]


def test_a_pipe_is_written_into_and_a_link_is_followed(tmp_path):
    source, pipe = tmp_path / "source.json", tmp_path / "pipe"
    source.write_text(THREE)
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE)
    assert run(source, "--output", pipe).returncode == 0
    assert json.loads(reader.communicate(timeout=60)[0])["models"]
    assert pipe.is_fifo()
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    link.symlink_to(real)
    assert run(source, "--output", link).returncode == 0
    assert link.is_symlink() and json.loads(real.read_text())["models"]
    done = run(source, "--output", tmp_path)
    assert done.returncode == 2 and "cannot be written" in done.stderr


@pytest.mark.parametrize("arguments", [
    (), ("--check",), ("--check", "a", "b"), ("--no-such-option",),
    ("x", "--max-token-price", "none"), ("x", "--max-token-price", "0")])
def test_wrong_usage(arguments):
    done = run(*arguments)
    assert done.returncode == 2 and "usage:" in done.stderr


# ---- --check -----------------------------------------------------------------------

HEAD = ('{"format": "tallygate-prices/1", "version": "v", "source": "s", '
        '"models": {\n')
GOOD = '"m": {"provider": "p", "input_pico": 1, "output_pico": 2%s}'


def check(tmp_path, text):
    table = tmp_path / "table.json"
    table.write_text(text, encoding="utf-8")
    return run("--check", table)


@pytest.mark.parametrize("more, words", [
    (', "cached_input_pico": 2.5', "must be a whole number"),
    (', "cached_input_pico": "2"', "must be a number, not a string"),
    (', "cached_input_pico": true', "must be a number"),
    (', "cached_input_pico": -2', "negative"),
    (', "cached_input_pico": 1000000000001', "must be a whole number from 0"),
    (', "cached_input_pico": 1, "cached_input_pico": 2', "stands there twice"),
    (', "cached_inputs_pico": 1', "cached_inputs_pico: unknown key"),
    (', "cached_input": 1', "cached_input: unknown key"),
    (', "max_input_tokens": 0', "max_input_tokens: must be a whole number"),
    (', "tiers": []', "tiers: must be a list of tiers"),
    (', "tiers": [{"input_pico": 3}]', "must be a number, not null"),
    (', "tiers": [{"above_tokens": 9, "output_pico": 3}]', "no input_pico"),
    (', "tiers": [{"above_tokens": 9, "input_pico": 3, "output_pico": 3}, '
     '{"above_tokens": 8, "input_pico": 3, "output_pico": 3}]',
     "tiers must ascend"),
    (', "tiers": [{"above_tokens": 1, "input_pico": 1}, '
     '{"above_tokens": 2, "input_pico": 1}, '
     '{"above_tokens": 3, "input_pico": 1}], '
     '"flex": {"input_pico": 1, "tiers": [{"above_tokens": 4, '
     '"input_pico": 1}, {"above_tokens": 5, "input_pico": 1}]}',
     "tiers: 5 lengths, at most 4"),
    (', "tiers": [{"above_tokens": 9, "input_pico": 3.5}]',
     "tiers.9.input_pico: must be a whole number"),
    (', "tiers": [{"above_tokens": 9, "input_pico": 3, "tiers": []}]',
     "tiers.9.tiers: unknown key"),
    (', "flex": {"input_pico": "1"}', "flex.input_pico: must be a number"),
    (', "flex": {"provider": "p"}', "flex.provider: unknown key"),
    (', "multipliers_permille": {"geo": 1100}', 'unknown key "geo"'),
    (', "multipliers_permille": {"off_peak": 1001}',
     "must be a whole number from 1 to 1000"),
    (', "off_peak_windows": [{"hours_utc": "9-17"}]',
     "off_peak_windows: hours_utc must be like"),
    (', "mode": ["chat"]', "mode: must be a string"),
])
def test_check_says_what_is_wrong_and_where(tmp_path, more, words):
    done = check(tmp_path, HEAD + GOOD % more + "\n}}\n")
    assert done.returncode == 1, done.stdout
    assert f'{tmp_path}/table.json:2: model "m": ' in done.stderr
    assert words in done.stderr


def test_check_finds_a_model_that_stands_there_twice(tmp_path):
    done = check(tmp_path, HEAD + GOOD % "" + ",\n" + GOOD % "" + "\n}}\n")
    assert done.returncode == 1
    assert 'table.json:3: model "m": stands there twice, first on line 2' \
        in done.stderr


@pytest.mark.parametrize("model, words", [
    ('"m": {"provider": "p", "input_pico": 1}', "nothing can be charged"),
    ('"m": {"provider": "p", "mode": "embedding"}', "has no price"),
    ('"m": {"input_pico": 1, "output_pico": 1}', "provider: must be a string"),
    ('"m": 7', "must be an object"),
])
def test_check_wants_a_price_and_a_provider(tmp_path, model, words):
    done = check(tmp_path, HEAD + model + "\n}}\n")
    assert done.returncode == 1 and words in done.stderr


@pytest.mark.parametrize("text, status, words", [
    (HEAD + GOOD % "" + "}}", 0, "1 models, version v: sound"),
    ("{}", 1, '"format" must be'),
    ('{"format": "tallygate-prices/2", "version": "v", "source": "s", '
     '"models": {}}', 1, '"format" must be "tallygate-prices/1"'),
    (HEAD + "}}", 1, "at least one model"),
    ("[]", 2, "must be a JSON object"),
    ("{", 2, "not JSON"),
])
def test_check_of_the_whole_file(tmp_path, text, status, words):
    done = check(tmp_path, text)
    assert done.returncode == status
    assert words in done.stdout + done.stderr


# ---- the shipped table ---------------------------------------------------------------

@pytest.fixture(scope="module")
def shipped():
    return json.loads(SHIPPED.read_text())


def test_the_shipped_table_is_sound():
    done = run("--check", SHIPPED)
    assert done.returncode == 0, done.stderr


def test_the_shipped_table_is_as_the_tool_writes_it(shipped, tmp_path):
    target = tmp_path / "again.json"
    done = run(SHIPPED, "--version-label", shipped["version"], "--source",
               shipped["source"], "--output", target, "--quiet")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == SHIPPED.read_bytes()
    assert SHIPPED.stat().st_size <= 512 * 1024


def test_the_shipped_table_holds_every_extra_price(shipped):
    done = run(f"@{SELECT}", EXTRA, "--quiet")
    assert done.returncode == 0, done.stderr
    extra = json.loads(done.stdout)["models"]
    assert set(extra) == set(json.loads(EXTRA.read_text()))
    for name, model in extra.items():
        assert shipped["models"][name] == model, name


@pytest.mark.skipif("PRICES_SOURCE" not in os.environ,
                    reason="PRICES_SOURCE names no full price file")
def test_the_shipped_table_can_be_made_again(shipped, tmp_path):
    target = tmp_path / "again.json"
    done = run(f"@{SELECT}", *os.environ["PRICES_SOURCE"].split(), EXTRA,
               "--version-label", shipped["version"], "--source",
               shipped["source"], "--output", target)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == SHIPPED.read_bytes()
    # Nothing a model costs was rounded or lost on the way.
    assert "rounded" not in done.stderr
    assert "does not carry" not in done.stderr


def test_free_models_of_the_shipped_table_are_free_on_purpose(shipped):
    free = {name for name, model in shipped["models"].items()
            if not any(value for key, value in model.items()
                       if key.endswith("_pico"))}
    assert free == {
        "omni-moderation-2024-09-26", "omni-moderation-latest",
        "text-moderation-007", "text-moderation-latest",
        "text-moderation-stable", "openrouter/openrouter/free",
        "together_ai/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free",
        "zai/glm-4.5-flash", "zai/glm-4.7-flash"}


@pytest.mark.parametrize("name, input_usd, output_usd", [
    ("gpt-4o-mini", "0.15", "0.6"),
    ("gpt-4o", "2.5", "10"),
    ("gpt-4o-2024-08-06", "2.5", "10"),
    ("azure/gpt-4o", "2.5", "10"),
    ("gpt-6.1-terra", "1", "5"),
    ("mistral/mistral-large-latest", "0.5", "1.5"),
    ("claude-sonnet-4-5", "3", "15"),
    ("claude-opus-5-5", "4", "20"),
    ("gemini/gemini-2.5-flash", "0.3", "2.5"),
    ("deepseek/deepseek-v4-pro", "1.32", "3.96"),
    ("azure/gpt-5.6-luna", "0.2", "1.2"),
    ("gpt-6-astra", "10", "50"),
    ("groq/openai/gpt-oss-120b", "0.15", "0.6"),
    ("openrouter/openai/gpt-4o", "2.5", "10"),
    ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "3.3", "16.5"),
    ("xai/grok-4", "3", "15"),
])
def test_well_known_prices(shipped, name, input_usd, output_usd):
    model = shipped["models"][name]

    def usd(text):
        whole, _, digits = text.partition(".")
        return int(whole + digits.ljust(6, "0"))

    assert model["input_pico"] == usd(input_usd)
    assert model["output_pico"] == usd(output_usd)


@pytest.mark.parametrize("name, milli_usd", [
    ("gpt-5.4", 10), ("gpt-6-sol", 10), ("gpt-4.1", 25), ("gpt-4o", 25),
    ("claude-haiku-4-5", 10), ("claude-opus-5-5", 10)])
def test_searches_of_the_shipped_table_cost_something(
        shipped, name, milli_usd):
    model = shipped["models"][name]
    assert model["per_search_pico"] == milli_usd * 10**9


def test_the_haiku_tier_is_whole(shipped):
    model = shipped["models"]["claude-haiku-5-5"]
    assert model["tiers"] == [{
        "above_tokens": 100_000, "input_pico": 500_000,
        "output_pico": 2_500_000, "cached_input_pico": 50_000,
        "cache_write_pico": 625_000, "cache_write_1h_pico": 1_000_000}]
