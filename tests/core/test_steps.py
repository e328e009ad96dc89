"""The table of steps is consistent: every need is made before, every name is known, every step is documented."""
from sediff import steps
from sediff.names import PRODUCTS
from sediff.parameter_table import TABLE

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


def test_every_step_can_be_loaded_and_reads_declared_parameters():
    declared = {parameter.name for parameter in TABLE}
    for step in steps.ALL:
        assert callable(step.load())
        assert step.doc
        assert set(step.parameters) <= declared, step.label


def test_every_step_is_in_the_documentation(repository):
    text = (repository / 'scripts' / 'README.md').read_text()
    for step in steps.ALL:
        assert f'{step.id} {step.name}' in text, f'{step.label} is missing: make docs'
