import json

from runner_spark.text import elements, members


def test_texts_are_cut_without_a_change() -> None:
    text = ' { "a" : 1.10 ,\n"b\\"c": [1e5, {"x": "},]"}, [] , 12345678901234567890.50],"d":{} } '
    found = members(text)
    assert found == [
        ("a", "1.10"),
        ('b"c', '[1e5, {"x": "},]"}, [] , 12345678901234567890.50]'),
        ("d", "{}"),
    ]
    assert elements(found[1][1]) == ["1e5", '{"x": "},]"}', "[]", "12345678901234567890.50"]
    assert members("{}") == []
    assert elements("[ ]") == []
    assert next(json.loads(value) for _, value in found) == 1.1
