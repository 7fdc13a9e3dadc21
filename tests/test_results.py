"What a step returns is kept without pickles, comes back the same, and is shown well."
import datetime, importlib, json, xml.etree.ElementTree as ET
from dataclasses import dataclass
import pytest
from fasthtml.common import B, Div, to_xml
from hypothesis import given, settings, strategies as st
from pianola.flows import results
from pianola.asking.files import File
from pianola.store import store

@pytest.fixture(autouse=True)
def folder(tmp_path):
    store.folder = tmp_path
    yield tmp_path
def there_and_back(v, name='r'):
    node = json.loads(json.dumps(results.keep(v, name)))            # as the row keeps it
    assert results.unsafe(json.loads(json.dumps(node))) == '', 'our own nodes pass the check of those from elsewhere'
    return results.back(node), node
def html(node): return to_xml(results.show(node, '/x'))

plain = st.recursive(st.none() | st.booleans() | st.integers(-2**63, 2**63-1) | st.floats(allow_nan=False,
    allow_infinity=False) | st.text(st.characters(exclude_categories=['Cs'])),
                     lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=['Cs']),
                         max_size=8), inner, max_size=5), max_leaves=20)
@settings(max_examples=150, deadline=None)
@given(plain)
def test_plain_data_comes_back_as_it_was_and_is_shown(v):
    back, node = there_and_back(v)
    assert back == v
    assert v is None or html(node)

@given(st.text(st.characters(exclude_categories=['Cs'])))
def test_text_is_never_html(t):
    shown = html(results.keep({'a': [t], 'b': t, t or 'c': 1}))
    for tag in ('<script', '<img', '<b>'): assert tag not in shown

def test_large_things_are_files_with_a_preview(folder):
    big = [{'n': n, 'word': 'x'*50} for n in range(5000)]
    back, node = there_and_back(big)
    assert back == big and len(json.dumps(node)) < 3000 and 'All of it (5,000)' in html(node) and html(node).count('<tr>') < 40
    back, node = there_and_back('word ' * 100_000)
    assert back == 'word ' * 100_000 and len(html(node)) < 4000
    back, node = there_and_back({'rows': big, 'n': 3})
    assert back == {'rows': big, 'n': 3} and set(results.names('walk', node)) == {'walk', 'rows', 'n'}
    assert not list((folder/'files').glob('*.part'))

def test_tags_stay_tags_and_markdown_is_cleaned():
    back, node = there_and_back(Div(B('hi'), '<script>'))
    assert '<b>hi</b>' in html(node) and '&lt;script&gt;' in html(node) and '<b>hi</b>' in to_xml(Div(back))
    back, node = there_and_back(results.Markdown('# A\n\n<script>x()</script> **b**'))
    assert '<h1>A</h1>' in html(node) and '<strong>b</strong>' in html(node) and '<script' not in html(node) and back.startswith('# A')

@dataclass
class Point: x: int; at: datetime.date
def test_dates_and_records_become_data_and_strange_things_are_refused_in_words():
    assert there_and_back(Point(1, datetime.date(2026, 5, 1)))[0] == {'x': 1, 'at': '2026-05-01'}
    assert there_and_back({'s': {1, 2}, 'n': float('inf')})[0]['n'] == 'inf'
    with pytest.raises(TypeError, match='a Lock cannot be kept; return text'): results.keep(__import__('asyncio').Lock())

def test_files_paths_and_bytes(tmp_path):
    (tmp_path/'a b.txt').write_text('hello')
    back, node = there_and_back(tmp_path/'a b.txt')
    assert isinstance(back, File) and back.read_text() == 'hello' and back.name == 'a b.txt' and 'download' in html(node)
    png = bytes.fromhex(
        '89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cf500f00038101801bb5d0ae0000000049454e44ae426082')
    assert '/api/pictures/' in html(there_and_back(png)[1]) and there_and_back(b'\0\1')[0].read_bytes() == b'\0\1'

def test_dataframes_come_back_with_their_types_and_as_csv():
    import pandas as pd
    df = pd.DataFrame({'n': [1, 2, None], 'word': ['a', '<b>', None], 'at': pd.to_datetime(['2026-01-01', '2026-02-01', None]),
                       'ok': [True, False, True]})
    back, node = there_and_back(df)
    assert list(back.dtypes) == list(df.dtypes) and back['word'].tolist()[:2] == ['a', '<b>'] and back['n'].tolist()[:2] == [1, 2]
    assert ('&lt;b&gt;' in html(node) and '3 rows' in html(node) and '/x.csv' in html(node)
            and results.csv(node).decode().splitlines()[0] == 'n,word,at,ok')
    back, node = there_and_back({'links': pd.DataFrame({'n': range(100_000)}), 'count': 3})
    assert (len(back['links']) == 100_000 and '100,000 rows, the first 20 shown' in html(node) and len(json.dumps(node)) < 2000
            and results.at(node, ['links'])['rows'] == 100_000)
    grouped = df.groupby('ok')['n'].sum()
    assert 'True' in results.csv(results.keep(grouped)).decode()
    odd = pd.DataFrame({'x': [[1], {2: 3}, object()]})
    assert results.keep(odd)['rows'] == 3, 'what no format holds is text'

@pytest.mark.parametrize('lib', ['pandas', 'polars'])
def test_no_text_of_a_table_acts_as_a_formula_in_a_spreadsheet(lib):
    m = importlib.import_module(lib)
    df = m.DataFrame({'=cmd': ['=1+1', '+x', '-2.5', '@a', 'ok', None, '＝1', 'a=b', '\t=1'], 'n': [-1]*9})
    assert results.csv(results.keep(df)).decode().splitlines() == ["'=cmd,n", "'=1+1,-1", "'+x,-1", '-2.5,-1', "'@a,-1", 'ok,-1', ',-1',
        "'＝1,-1", 'a=b,-1', "'\t'=1,-1"]
    assert results.csv(results.keep(df.select(m.col('=cmd').cast(m.Categorical)) if lib == 'polars'
                                    else df[['=cmd']].astype('category'))).decode().splitlines()[:2] == ["'=cmd", "'=1+1"]
    if lib == 'polars': return
    assert results.csv(
        results.keep(m.DataFrame({'k': ['=x', 'y'], 'v': [1, 2], 'w': 1}).groupby(['k', 'v']).sum())).decode() == "k,v,w\n'=x,1,1\ny,2,1\n"
    assert results.csv(results.keep(m.DataFrame([[1, '=2']], columns=['a', 'a']))).decode() == ",a,a 2\n0,1,'=2\n", 'two columns of one name are two'

def test_polars_frames():
    import polars as pl
    df = pl.DataFrame({'n': [1, 2], 'd': [datetime.date(2026, 1, 1), None], 'l': [[1], [2, 3]]})
    back, node = there_and_back(df)
    assert back.equals(df) and '2026-01-01' in html(node)
    assert there_and_back(df.lazy().select('n'))[0]['n'].to_list() == [1, 2] and results.csv(results.keep(df.select('n'))) == b'n\n1\n2\n'

def test_a_figure_is_a_picture():
    import matplotlib as mpl
    mpl.use('Agg')
    from matplotlib import pyplot as plt
    fig, ax = plt.subplots()
    ax.plot([1, 2, 3])
    ax.set_title('Links a day')
    back, node = there_and_back(fig)
    assert (ET.fromstring(back.read_bytes()).tag.endswith('svg') and 'alt="Links a day"' in html(node)
            and not plt.get_fignums()), 'closed: a server must not gather figures'
    fig, ax = plt.subplots()
    ax.scatter(range(30_000), range(30_000))
    assert there_and_back(ax)[0].read_bytes().startswith(b'\x89PNG'), 'many points are a bitmap'

def test_a_plotly_figure_can_be_taken_away():
    import plotly.graph_objects as go
    fig = go.Figure(go.Bar(x=['a'], y=[3], name='n'), layout={'title': 'T'})
    back, node = there_and_back(fig)
    assert back == fig and 'As a page' in html(node) and ('bar: n' in html(node) or 'img' in html(node)) and '<script' not in html(node)
