"""The table of steps is consistent: every need is made before, every name is known, every step is documented."""
import ast
import inspect
import textwrap

import pytest

from sediff import steps
from sediff.parameters.table import TABLE
from sediff.repository.names import PRODUCTS

DESGW = ('expose_prepData expose_makeStarCat expose_mkWStemplate expose_stripPV expose_makeWeight expose_sex1 '
         'combined_astromScamp combined_astromHeaders expose_sex2 expose_psfex1 combined+expose_doFake '
         'combined_swarpSEARCH combined_sexCoadd combined_psfexCoadd combined_ingest combined+expose_distorTEMPLATES '
         'combined+expose_sexDistorTEMPLATES combined+expose_hotpants combined_coaddWSdiff combined_sexDiffim '
         'combined_mergeDiffim combined+expose_filterObj combined_makeStamps combined_autoScan combined_makeCand '
         'combined_fakeForcePhoto combined_fakeMatch combined_prepForcePhoto').split()


def test_the_28_steps_have_their_desgw_names_in_order():
    assert [step.label for step in steps.DIFFIMG] == [f'RUN{n:02d}_{name}' for n, name in enumerate(DESGW, 1)]


def test_every_need_is_made_by_an_earlier_step_or_comes_from_outside():
    made = set(steps.EXTERNAL)
    for step in steps.ALL:
        assert set(step.needs) <= made, f'{step.label} needs {set(step.needs) - made}'
        assert not set(step.makes) & made, f'{step.label} makes again {set(step.makes) & made}'
        made |= set(step.makes)


def test_every_product_has_a_file_name_and_every_file_name_a_maker():
    made = {name for step in steps.ALL for name in step.makes}
    assert made == set(PRODUCTS)


@pytest.mark.parametrize('step', steps.ALL, ids=lambda step: step.id)
def test_a_step_is_a_function_of_its_context_that_does_what_the_table_says(step):
    """A step of a CCD is called with the context alone; parameters it asks for and products it names are in its row."""
    function = step.load()
    if step not in steps.EXPOSURE:
        inspect.signature(function).bind(object())
    assert step.doc and set(step.parameters) <= {parameter.name for parameter in TABLE}
    asked = {name: set() for name in ('parameter', 'load', 'save')}
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        called = ast.unparse(node.func).partition('.') if isinstance(node, ast.Call) and node.args else ('', '', '')
        if called[0] == 'context' and called[2] in asked and isinstance(node.args[0], ast.Constant):
            asked[called[2]].add(node.args[0].value)
    assert asked['parameter'] <= set(step.parameters)
    assert asked['load'] <= {*step.needs, *step.makes} and asked['save'] <= set(step.makes)


def test_every_step_is_in_the_documentation(repository):
    text = (repository / 'scripts' / 'README.md').read_text()
    for step in steps.ALL:
        assert f'{step.id} {step.name}' in text, f'{step.label} is missing: make docs'
