"One type, one input: what an annotation accepts, refuses, keeps and shows."
import enum, re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Optional
import msgspec, pytest
from fasthtml.common import to_xml
from hypothesis import given, strategies as st
from pianola.asking import fields as kinds, files, forms
from pianola.asking.forms import File, Json, Long, Range, Ref, Rows, Secret, Url, field

class Colour(enum.Enum): red = 'r'; blue = 'b'

good = [(str, 'a', 'a'), (str, ' a ', 'a'), (str, 5, '5'), (Long, 'a\nb\n', 'a\nb\n'), (int, '12', 12), (int, 12.0, 12),
        (float, '1.5', 1.5), (float, 2, 2.0), (bool, 'on', True), (bool, 'false', False), (bool, '', False),
        (date, '2026-05-31', date(2026, 5, 31)), (datetime, '2026-05-31T14:30', datetime(2026, 5, 31, 14, 30)),
        (time, '14:30', time(14, 30)), (Literal['low', 'high'], 'HIGH', 'high'), (Literal[1, 2], '2', 2),
        (Colour, 'b', Colour.blue), (Url, 'example.com/x', 'https://example.com/x'), (Url, 'http://localhost:8000',
            'http://localhost:8000'), (Url, 'localhost:8000', 'https://localhost:8000'), (Json, '{"a": [1]}', {'a': [1]}),
        (Json, {'a': None}, {'a': None}), (Json, 'plain words', 'plain words'), (dict, '{"a": 1}', {'a': 1}), (list[str], '["x"]', ['x']),
        (Range(1, 10), '10', 10), (Annotated[int, Range(1, 10)], 1, 1), (Range(0.5, 1), '.7', .7),
        (Ref('tasks'), '3', 3), (Rows('tasks'), ['3', '1', '3'], [3, 1]), (Rows('tasks'), '[2]', [2]), (Rows('tasks'), '', []),
        (Secret, ' p ', ' p '), (Optional[int], '', None), (date | None, '', None), (str | None, None, None)]
bad = [(str, '', 'empty'), (str, '   ', 'empty'), (str, 'x'*10_001, 'longer than 10,000'), (str, True, 'must be text'),
       (str, ['a'], 'must be text'), (int, 'abc', 'a whole number, not “abc”'), (int, '1.5', 'whole number'), (int, True, 'whole'),
       (int, '', 'is needed: a whole number'), (int, 2**70, 'too large'), (float, 'nan', 'a number'), (float, '1e999', 'a number'),
       (bool, 'perhaps', 'yes or no'), (date, '31.5.2026', 'like 2026-05-31'), (date, '2026-02-30', 'like 2026-05-31'),
       (datetime, 'noon', '14:30'), (datetime, '0001-01-01T00:00+14:00', '14:30'),
       (time, '10:00+02:00', '14:30'), (Literal['low', 'high'], 'mid', 'one of low, high'),
       (Colour, 'green', 'one of r, b'), (Url, 'javascript:alert(1)', 'web address'), (Url, 'https://', 'web address'),
       (Url, 'a b', 'web address'), (Url, 'http://x:y', 'web'),
       (Json, '{"a": }', 'is not JSON'), (dict, '[1]', 'must be object'),
       (Range(1, 10), 11, 'from 1 to 10'), (Range(1, 10), '', 'from 1 to 10'), (Range(0), -1, 'at least 0'),
       (Ref('tasks'), 'x', 'row of tasks'), (Ref('tasks'), -1, 'row of tasks'),
       (Rows('tasks'), '[x', 'rows of tasks'), (File, 'nope', 'choose one'), (File, '0'*64 + '/../x', 'choose one'),
       (Annotated[str, msgspec.Meta(pattern='^[a-z]+$')], 'A1', 'must be')]

@pytest.mark.parametrize('t, given, value', good, ids=str)
def test_what_is_meant_is_understood(t, given, value):
    f = field('x', t)
    got = f.parse(given)
    assert got == value and type(got) is type(value)
    assert f.back(f.keep(got)) == value, 'SQLite gives back what was kept'
    assert f.parse(f.plain(got)) == value, 'JSON too'
    assert f.kind == 'secret' or f.parse(f.written(got)) == value, 'and the text of an input'

@pytest.mark.parametrize('t, given, why', bad, ids=str)
def test_what_is_wrong_is_said_in_words(t, given, why):
    with pytest.raises(ValueError, match=re.escape(why)): field('x', t).parse(given)

def test_times_that_were_said_with_an_offset_stand_in_their_order():
    f = field('x', datetime)
    zone = lambda hours: f'{(datetime(2026, 5, 1, 12) + timedelta(hours=hours)).isoformat()}{hours:+03d}:00'
    here = datetime(2026, 5, 1, 12, tzinfo=UTC).astimezone().replace(tzinfo=None)
    for hours in (-11, 0, 2, 9): assert f.parse(zone(hours)) == here and f.keep(f.parse(zone(hours))) == here.isoformat()
    assert f.parse('2026-05-01T12:00Z') == here and f.parse(datetime(2026, 5, 1, 12, tzinfo=UTC)) == here
    assert f.back('2026-05-01T14:00:00+02:00') == here, 'kept before this was so'

def test_an_empty_answer_is_none_the_default_or_an_error():
    assert field('x', str, '').parse('') == '' and field('x', date, None).parse('') is None and field('x', Url, '').parse(' ') == ''
    with pytest.raises(ValueError, match='is needed'): field('x', int, 5).parse('')
    fields = forms.of_class(type('Row', (),
                                 {'__annotations__': {'name': str, 'n': int, 'due': date | None, 'done': bool, 'level': Literal['a', 'b']},
                                  'n': 5, 'due': None, 'level': 'b'}))
    assert forms.read(fields, {'name': 'x', 'n': ''}) == ({'name': 'x', 'n': 5, 'due': None, 'done': False, 'level': 'b'}, {})
    assert forms.read(fields, {'n': 'x', 'level': 'c'})[1] == {'name': 'must not be empty', 'n': 'must be a whole number, not “x”',
        'level': 'must be one of a, b, not “c”'}

@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.integers() | st.text(), max_size=4),
                 st.dictionaries(st.text(), st.integers(), max_size=3)))
def test_whatever_comes_is_a_value_or_a_sentence(v):
    for t in (str, Long, int, float, bool, date, datetime, time, Literal['a', 1], Colour, Url, Json, dict, Range(1, 9), Ref('t'), Rows('t'),
              Secret, Any, str | None):
        f = field('x', t)
        try: got = f.parse(v)
        except ValueError as e:
            assert str(e) and 'Expected `' not in str(e)
            continue
        assert f.back(f.keep(got)) == got and msgspec.json.encode(f.plain(got)) is not None
        assert '<script' not in to_xml(f.show(got)).lower() and to_xml(f.control(got)) and to_xml(f.input(got))

def test_a_signature_is_a_form():
    def walk(job, tx, url: Url = 'https://example.com', pages: 'Range(1, 50)' = 5, note='', links=kinds.nothing, *, when: date = None): "Walk"
    fs = forms.of(walk)
    assert [(n, f.kind, f.required) for n, f in fs.items()] == [('url', 'url', False), ('pages', 'int', False), ('note', 'text', False),
        ('links', 'text', True), ('when', 'date', False)]
    assert fs['url'].typed and not fs['links'].typed

def test_a_type_nobody_knows_is_refused_with_those_there_are():
    with pytest.raises(TypeError, match='x is set; there is str, int'): field('x', set)
    with pytest.raises(TypeError, match='it is the default'): field('x', Range(1, 3), 9)
    with pytest.raises(TypeError, match='smaller number comes first'): Range(3, 1)

def test_the_schema_of_a_field_says_its_limits():
    S = msgspec.defstruct('S',
                          [(n, field(n, t).type) for n, t in dict(n=Range(1, 10), due=date, level=Literal['a', 'b'], who=Ref('people'),
                              c=Colour, note=Annotated[str, 'What was said']).items()])
    p = msgspec.json.schema(S)['$defs']['S']['properties']
    assert (p['n'] == {'type': 'integer', 'minimum': 1, 'maximum': 10} and p['due']['format'] == 'date'
            and p['level'] == {'enum': ['a', 'b']} and p['c'] == {'enum': ['b', 'r']} and p['note']['description'] == 'What was said')

@pytest.mark.parametrize('t, control', [(str, 'type="text"'), (Long, '<textarea'), (int, 'type="number"'), (bool, 'type="checkbox"'),
                                        (date, 'type="date"'), (datetime, 'type="datetime-local"'), (Literal['a'], '<select'),
                                        (Secret, 'type="password"'),
                                        (Range(1, 5), 'type="range"'), (File, 'type="file"'), (Ref('t'), 'role="combobox"'),
                                        (Rows('t'), '<fieldset'), (Json, '<textarea')], ids=str)
def test_an_input_has_its_label_and_a_place_for_the_error(t, control):
    html = to_xml(field('some_thing', t).input(error='is wrong <b>', id='i1'))
    assert (control in html and 'Some thing' in html and 'role="alert"' in html and 'is wrong &lt;b&gt;' in html
            and ('for="i1"' in html or t == Rows('t')) and 'i1-wrong' in html)

def test_a_secret_is_never_sent_to_a_page():
    assert 'hunter2' not in to_xml(field('x', Secret).input('hunter2')) + to_xml(field('x', Secret).show('hunter2'))

async def test_a_file_is_kept_whole_under_its_hash(tmp_path):
    from pianola.store import store
    store.folder = tmp_path
    f = files.keep_file(b'a,b\n1,2\n', '../../etc/pass:wd.csv')
    assert f.name == 'etc pass wd.csv' and f.read_bytes() == b'a,b\n1,2\n' and f.size == 8 and f.path.is_relative_to(tmp_path/'files')
    got = field('x', File).parse(str(f))
    assert got == f and isinstance(got, File) and not list((tmp_path/'files').glob('*.part'))
    f.path.unlink()
    with pytest.raises(ValueError, match='not here any more'): field('x', File).parse(str(f))
