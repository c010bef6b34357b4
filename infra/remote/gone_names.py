"""Names that programs of 2015 to 2020 use and that Python and its packages took away since: what says it now."""

from __future__ import annotations

import re

# What Python prints when a name is not there, and the answer; {0} and {1} are what the pattern's groups found.
_GONE = (
    # Python 2. https://docs.python.org/3/whatsnew/3.0.html
    (r"No module named '(cPickle|cStringIO|StringIO|Queue|ConfigParser|urllib2|urlparse|commands|__builtin__)'",
     "{0} is a module of Python 2: `python3 -m lib2to3 -w` of Python 3.10 to 3.12 rewrites the program"),
    (r"name '(xrange|raw_input|unicode|basestring|unichr|reduce|file|execfile|long)' is not defined",
     "{0} is a name of Python 2: `python3 -m lib2to3 -w` of Python 3.10 to 3.12 rewrites the program"),
    (r"'dict' object has no attribute '(iteritems|itervalues|iterkeys|has_key)'",
     "dict.{0} is Python 2: `python3 -m lib2to3 -w` of Python 3.10 to 3.12 rewrites the program"),
    # https://docs.python.org/3/whatsnew/3.8.html to 3.11
    (r"module 'time' has no attribute 'clock'", "time.clock went with Python 3.8: time.perf_counter()"),
    (r"module 'collections' has no attribute '(\w+)'|cannot import name '(\w+)' from 'collections'",
     "{0} is in collections.abc since Python 3.3, and there alone since 3.10"),
    (r"module 'fractions' has no attribute 'gcd'|cannot import name 'gcd' from 'fractions'",
     "fractions.gcd went with Python 3.9: math.gcd"),
    (r"module 'inspect' has no attribute 'getargspec'|cannot import name 'getargspec'",
     "inspect.getargspec went with Python 3.11: inspect.getfullargspec"),
    # https://docs.scipy.org/doc/scipy/release/1.3.0-notes.html, https://scikit-learn.org/0.23/whats_new/v0.23.html
    (r"cannot import name 'im\w+' from 'scipy\.misc'|module 'scipy\.misc' has no attribute 'im"
     r"|No module named 'scipy\.misc'",
     "SciPy 1.3 took its functions for pictures away: cv2.imread, cv2.imwrite and cv2.resize are there"),
    (r"from 'sklearn\.externals'|No module named 'sklearn\.externals\.(?:joblib|six)'",
     "scikit-learn 0.23 took sklearn.externals away: import joblib"),
    (r"No module named 'sklearn\.(?:cross_validation|grid_search|learning_curve)'",
     "it is called sklearn.model_selection since scikit-learn 0.18"),
    # https://pillow.readthedocs.io/en/stable/deprecations.html, https://pandas.pydata.org/docs/whatsnew/v2.0.0.html
    (r"module 'PIL\.Image' has no attribute '(?:ANTIALIAS|LINEAR|CUBIC)'",
     "Pillow 10 took Image.ANTIALIAS away: Image.LANCZOS"),
    (r"'(?:DataFrame|Series)' object has no attribute 'append'", "pandas 2 took append away: pandas.concat([a, b])"),
    (r"'(?:DataFrame|Series)' object has no attribute '(ix|as_matrix|get_value|set_value)'",
     "pandas 1 took {0} away: .loc, .iloc, .at and .to_numpy() say it now"),
    (r"load\(\) missing 1 required positional argument: 'Loader'", "PyYAML 6 wants a loader: yaml.safe_load(...)"),
    # The names themselves are back once MXNet is imported: training/mxnet_hook/numpy_names.py.
    (r"module 'numpy' has no attribute '(\w+)'",
     "NumPy took numpy.{0} away; `import mxnet` before that line brings back those that programs for MXNet use"),
)  # fmt: skip
ANSWERS = tuple((re.compile(pattern), answer) for pattern, answer in _GONE)


def replacement(match: re.Match[str], answer: str) -> str:
    return answer.format(next(filter(None, match.groups()), ""))
